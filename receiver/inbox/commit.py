"""What a transaction of the inbox's writer took, for metrics and traces."""

from typing import NamedTuple


class Commit(NamedTuple):
    """A transaction that was committed. Times are seconds since the epoch."""

    jobs: int
    """Changes in it, pushes among them."""
    began: float
    committing: float
    """When all changes were made and their way to the disk began."""
    ended: float
