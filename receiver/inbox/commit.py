"""What a transaction of the inbox's writer took, for metrics and traces."""

from collections.abc import Callable
from typing import NamedTuple


class Commit(NamedTuple):
    """A transaction that was committed. Times are seconds since the epoch."""

    jobs: int
    """Changes in it, pushes among them."""
    began: float
    committing: float
    """When all changes were made and their way to the disk began."""
    ended: float


class Commits:
    """The transactions of a writer, as its event loop hears of them."""

    def __init__(self) -> None:
        self.last: Commit | None = None
        self.observe: Callable[[int, float], None] = lambda _jobs, _seconds: None
        """Told how many changes a transaction had and how many seconds it took. Quick, and raises nothing."""

    def add(self, commit: Commit | None) -> None:
        """Note the newest transaction; the same again where the last batch was not committed."""
        if commit is None or commit == self.last:
            return
        self.last = commit
        self.observe(commit.jobs, commit.ended - commit.began)
