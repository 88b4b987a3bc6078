"""`spapi-router serve`: run the daemon."""

import asyncio
import faulthandler
from pathlib import Path

import click

from receiver import events, garbage
from receiver.cli.options import config_option


@click.command(name="serve")
@config_option
def command(config: Path) -> None:
    """Run the daemon until SIGTERM. SIGHUP takes changed rules and handlers in."""
    garbage.rest()
    from receiver.config import load
    from receiver.daemon import Daemon
    from receiver.inbox.remote_writer import WriterProcess
    from receiver.process import live, loop_factory

    configuration = load(config)
    events.configure(configuration.log.level, configuration.log.format)
    # Where the watchdog of systemd aborts a daemon that hangs, the log shows what each thread was doing.
    faulthandler.enable()
    garbage.share()
    process = WriterProcess.fork()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(live(Daemon(configuration, process=process)))
