"""What console and API show and may change: the parts of a running daemon, as they need them."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from receiver.alerts import Condition
from receiver.config import Configuration
from receiver.history import History
from receiver.inbox import SqliteInbox
from receiver.inbox.search import Searcher
from receiver.metrics.readings import Readings
from receiver.refusals import Refusals
from receiver.watch import Watch


@dataclass(frozen=True, slots=True)
class World:
    """The daemon behind the pages."""

    config: Callable[[], Configuration]
    """The rules file as it is in force."""
    inbox: SqliteInbox
    """Where deliveries are run again."""
    kept: SqliteInbox
    """The same, read on a connection of the console's own, so that nobody waits for its listings."""
    searcher: Searcher
    history: History
    refusals: Refusals
    readings: Callable[[], Awaitable[Readings]]
    alerts: Callable[[], Sequence[Condition]]
    """What is raised."""
    wake: Callable[[Iterable[str]], None]
    """Tell handlers that deliveries wait for them."""
    watch: Watch
    clock: Callable[[], float]
