"""Why pushes were not taken lately, for people: what is logged of each, gathered by what was wrong."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from receiver.errors import Refused, Unavailable

_MOST = 50
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Refusal:
    """Pushes that were refused, or put off, for the same reason in the same words."""

    reason: str
    detail: str
    final: bool
    """False for a 503, after which SNS tries again."""
    count: int
    first: float
    last: float


class Refusals:
    """The latest refusals since the start of the daemon, bounded however many kinds a sender thinks of."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kinds: OrderedDict[tuple[str, str], Refusal] = OrderedDict()

    def note(self, error: Refused | Unavailable) -> None:
        """A push was not taken."""
        now = self._clock()
        key = (error.reason, error.detail[:_LONGEST])
        before = self._kinds.pop(key, None)
        count, first = (before.count + 1, before.first) if before else (1, now)
        self._kinds[key] = Refusal(*key, isinstance(error, Refused), count, first, now)
        if len(self._kinds) > _MOST:
            self._kinds.popitem(last=False)

    def latest(self) -> list[Refusal]:
        """The kinds of refusals, the latest first."""
        return list(reversed(self._kinds.values()))
