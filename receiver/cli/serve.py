"""`spapi-router serve`: run the daemon."""

import asyncio
import faulthandler
from pathlib import Path
from typing import TYPE_CHECKING

import click

from receiver import events, garbage
from receiver.cli.options import config_option

if TYPE_CHECKING:
    from receiver.inbox.remote_writer import WriterProcess

_STDERR = 2


@click.command(name="serve")
@config_option
def command(config: Path) -> None:
    """Run the daemon until SIGTERM. SIGHUP takes changed rules and handlers in."""
    garbage.rest()
    # Where the watchdog of systemd aborts a daemon that hangs, the log shows what each thread was doing.
    faulthandler.enable(file=_STDERR)
    process = _writer_process()
    from receiver.config import load
    from receiver.daemon import Daemon
    from receiver.process import allow_descriptors, live, loop_factory

    configuration = load(config)
    events.configure(configuration.log.level, configuration.log.format)
    allow_descriptors()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(live(Daemon(configuration, process=process)))


def _writer_process() -> "WriterProcess":
    """The process that writes the inbox, forked while nothing is loaded that it does without.

    What both have is shared only until one of them writes to it, and counting references is writing.
    """
    import receiver.inbox.consents
    import receiver.inbox.sooner
    import receiver.judge  # noqa: F401 - with the inbox, all that it does
    from receiver.inbox.remote_writer import WriterProcess

    garbage.share()
    return WriterProcess.fork()
