"""What belongs to the process and not to the daemon in it: the event loop, and how memory is looked after."""

import asyncio
from collections.abc import Callable

from receiver import garbage
from receiver.daemon import Daemon


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop where it runs, asyncio's own elsewhere."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


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
