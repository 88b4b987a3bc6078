"""How Python's garbage collector is spared what it would look at for nothing."""

import gc

_THRESHOLDS = (20_000, 20, 100)


def rest() -> None:
    """Look for no garbage until `spare`: next to nothing of what a start builds is any."""
    gc.disable()


def share() -> None:
    """Leave out what is loaded by now, in this process and in those that it forks from now on.

    A look at an object writes to it, and a page that one process writes to is no longer shared with the other.
    """
    gc.freeze()


def spare() -> None:
    """Leave out what is loaded by now, which stays, and look at what is new, less often than is usual.

    A sixth of the work of a delivery was looking at modules and settings again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()
