"""What belongs to the process and not to the daemon in it: the event loop, and how memory is looked after."""

import asyncio
import gc
from collections.abc import Callable

from receiver.daemon import Daemon

_THRESHOLDS = (20_000, 20, 100)


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
    """Once all is loaded, spare the collector what stays: a sixth of the work of a delivery was looking at it again."""
    await daemon.ready.wait()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
