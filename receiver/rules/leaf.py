"""A field's list of conditions, of which one must hold."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from receiver.rules.matchers import Absent, Equal, Matcher
from receiver.rules.values import MISSING, Identity, identity


@dataclass(frozen=True, slots=True)
class Leaf:
    """The conditions on one field, compiled. Made by `Leaf.of`."""

    values: frozenset[Identity]
    """The exact values among the conditions."""
    matchers: frozenset[Matcher]
    """The operators among them, without `exists = false`."""
    absent: bool
    """Whether `exists = false` is among them."""
    wanted: str
    """The list as JSON, for people."""
    test: Callable[[Any], bool] = field(repr=False, compare=False)
    """Whether a scalar, or MISSING for a field that is absent, is accepted."""

    @classmethod
    def of(cls, conditions: Iterable[Matcher], source: Any) -> "Leaf":
        """Compile conditions; `source` is how the pattern writes them."""
        conditions = list(conditions)
        values = frozenset(one.value for one in conditions if isinstance(one, Equal))
        matchers = frozenset(one for one in conditions if not isinstance(one, Equal | Absent))
        absent = any(isinstance(one, Absent) for one in conditions)
        wanted = json.dumps(source, ensure_ascii=False)
        return cls(values, matchers, absent, wanted, _test(values, tuple(matchers), absent))

    @property
    def exact(self) -> bool:
        """Whether only exact values are accepted, so that a field can be looked up by its value."""
        return not self.matchers and not self.absent

    def accepts(self, value: Any) -> bool:
        """Whether a scalar, or MISSING, is accepted."""
        return self.test(value)


def _test(values: frozenset[Identity], matchers: tuple[Matcher, ...], absent: bool) -> Callable[[Any], bool]:
    if not matchers and not absent and all(isinstance(value, str) for value in values):
        return values.__contains__

    def test(value: Any) -> bool:
        if value is MISSING:
            return absent
        if identity(value) in values:
            return True
        return any(matcher.accepts(value) for matcher in matchers)

    return test
