"""What a simulation sends and in which order: pure, and the same for the same seed and clock."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from receiver.simulators.sns.envelopes import Shape, wrap
from receiver.simulators.sns.examples import Example
from receiver.simulators.sns.notifications import Fresh, Freshener, Seller


class Repeat(StrEnum):
    """Why a message comes again."""

    SNS = "sns"
    """SNS sends the same message again: same MessageId, same text."""
    SPAPI = "spapi"
    """SP-API sends the same NotificationId again, in a message of its own."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One message to send."""

    number: int
    """Its place in the sending order, from 0."""
    type: str
    notification_id: str
    message: str
    """SNS's Message field."""
    message_id: str
    sent_at: float
    """SNS's Timestamp: a repeat by SNS keeps it."""
    repeat: Repeat | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """What to plan: `count` distinct notifications (None is without end); the share `duplicates` comes twice."""

    examples: Sequence[Example]
    count: int | None
    shape: Shape = Shape.PLAIN
    duplicates: float = 0.0
    repeat_within: int = 50
    """About how many messages later a repeat comes at most."""
    sellers: Sequence[Seller] = ()
    """Whose notifications they are; made-up ones where none are named."""
    opening: Sequence[Example] = ()
    """What comes first."""

    @property
    def total(self) -> int | None:
        """How many messages the plan has, repeats included."""
        return None if self.count is None else self.count + _repeats(self.count, self.duplicates)


def plan(spec: Spec, random: Random, clock: Callable[[], float]) -> Iterator[Planned]:
    """The messages in their order, made one by one as they are asked for.

    After the opening, every example has come once before any comes again.
    """
    return _Planner(spec, random, clock).messages()


def _repeats(count: int, share: float) -> int:
    """How many of the first `count` notifications come again."""
    return int(count * share + 1e-9)


@dataclass(frozen=True, slots=True)
class _Due:
    """A message that is to come again before the number `before`."""

    original: Planned
    fresh: Fresh
    before: int


class _Planner:
    def __init__(self, spec: Spec, random: Random, clock: Callable[[], float]) -> None:
        self._spec = spec
        self._random = random
        self._clock = clock
        self._freshener = Freshener(random, spec.sellers)
        self._deck = [*reversed(spec.opening)]
        self._due: deque[_Due] = deque()

    def messages(self) -> Iterator[Planned]:
        number = made = 0
        while self._due or self._spec.count is None or made < self._spec.count:
            finished = made == self._spec.count
            if self._due and (finished or number >= self._due[0].before):
                yield self._again(number, self._due.popleft())
            else:
                made += 1
                yield self._new(number, made)
            number += 1

    def _new(self, number: int, made: int) -> Planned:
        now = self._clock()
        fresh = self._freshener.freshen(self._next_example(), now)
        planned = self._planned(number, fresh, now)
        if _repeats(made, self._spec.duplicates) > _repeats(made - 1, self._spec.duplicates):
            self._due.append(_Due(planned, fresh, number + self._random.randint(1, self._spec.repeat_within)))
        return planned

    def _again(self, number: int, due: _Due) -> Planned:
        """The repeat of a message: by SNS or by SP-API, as chance has it."""
        if self._random.random() < 0.5:
            first = due.original
            return Planned(
                number, first.type, first.notification_id, first.message, first.message_id, first.sent_at, Repeat.SNS
            )
        now = self._clock()
        return self._planned(number, self._freshener.published_again(due.fresh, now), now, Repeat.SPAPI)

    def _planned(self, number: int, fresh: Fresh, now: float, repeat: Repeat | None = None) -> Planned:
        uuid = self._freshener.uuid
        message = wrap(self._spec.shape, fresh.type, fresh.body, self._random, uuid(), now)
        return Planned(number, fresh.type, fresh.notification_id, message, uuid(), now, repeat)

    def _next_example(self) -> Example:
        if not self._deck:
            self._deck = list(self._spec.examples)
            self._random.shuffle(self._deck)
        return self._deck.pop()
