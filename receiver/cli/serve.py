"""`spapi-router serve`: run the daemon."""

import asyncio
import faulthandler
from collections.abc import Callable
from pathlib import Path

import click

from receiver import events
from receiver.cli.options import config_option
from receiver.config import load


@click.command(name="serve")
@config_option
def command(config: Path) -> None:
    """Run the daemon until SIGTERM. SIGHUP takes changed rules and handlers in."""
    from receiver.daemon import Daemon

    configuration = load(config)
    events.configure(configuration.log.level, configuration.log.format)
    # Where the watchdog of systemd aborts a daemon that hangs, the log shows what each thread was doing.
    faulthandler.enable()

    async def run() -> None:
        await Daemon(configuration).run()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(run())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop where it runs, asyncio's own elsewhere."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
