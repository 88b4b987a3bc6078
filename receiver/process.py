"""What belongs to the process and not to the daemon in it: the event loop, descriptors, how memory is looked after."""

import asyncio
import contextlib
import resource
from collections.abc import Callable

from receiver import garbage
from receiver.daemon import Daemon

_DESCRIPTORS = 16384
"""As many as the unit allows, of which half are for connections of senders."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop where it runs, asyncio's own elsewhere."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def allow_descriptors() -> None:
    """Take as many as the unit would give, where the hard limit lets.

    The soft one is 1,024 where nobody raised it, for programs that call select(2): a burst of SNS's would be a crowd.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard < 0 else min(_DESCRIPTORS, hard)
    if 0 <= soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def live(daemon: Daemon) -> None:
    """Run a daemon that has the process to itself. Raises as `Daemon.run` does."""
    settling = asyncio.create_task(_settle(daemon), name="settle memory")
    try:
        await daemon.run()
    finally:
        settling.cancel()


async def _settle(daemon: Daemon) -> None:
    await daemon.ready.wait()
    garbage.spare()
