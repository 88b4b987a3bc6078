"""What one entry of a pattern's list accepts: a value, or an operator of EventBridge's content filtering.

Source: EventBridge User Guide, "Comparison operators for use in event patterns", and Amazon's Event Ruler. Every
matcher sees one scalar of the event; operators on text accept only strings, `numeric` only numbers.
"""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Protocol

from receiver.rules.values import Identity, identity

LARGEST_NUMBER = 5e9
"""Numbers that EventBridge compares lie between its negative and itself, both included."""


class Matcher(Protocol):
    """One condition on a scalar. Equal matchers accept the same values."""

    def accepts(self, value: Any) -> bool:
        """Whether the scalar fulfils the condition."""
        ...


@dataclass(frozen=True, slots=True)
class Equal:
    """An exact value: text, number, true, false or null."""

    value: Identity

    def accepts(self, value: Any) -> bool:
        return identity(value) == self.value


@dataclass(frozen=True, slots=True)
class Present:
    """`exists = true`: any leaf, null included."""

    def accepts(self, value: Any) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Absent:
    """`exists = false`: accepts no value; the leaf that holds it accepts that there is none."""

    def accepts(self, value: Any) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Prefix:
    """Text that starts so."""

    text: str

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and value.startswith(self.text)


@dataclass(frozen=True, slots=True)
class Suffix:
    """Text that ends so."""

    text: str

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and value.endswith(self.text)


@dataclass(frozen=True, slots=True)
class IgnoreCase:
    """Text in any case.

    As in Event Ruler each character of the pattern stands for its lower and its upper case form, which may be longer:
    `ß` in a pattern accepts `SS`, but `SS` in a pattern does not accept `ß`.
    """

    expression: re.Pattern[str]

    @classmethod
    def whole(cls, text: str) -> "IgnoreCase":
        """`equals-ignore-case`."""
        return cls(re.compile(rf"{_any_case(text)}\Z"))

    @classmethod
    def start(cls, text: str) -> "IgnoreCase":
        """`prefix = { equals-ignore-case }`."""
        return cls(re.compile(_any_case(text)))

    @classmethod
    def end(cls, text: str) -> "IgnoreCase":
        """`suffix = { equals-ignore-case }`."""
        return cls(re.compile(rf"(?s:.*){_any_case(text)}\Z"))

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and self.expression.match(value) is not None


@dataclass(frozen=True, slots=True)
class Numeric:
    """A range of numbers; `inclusive` tells of its lower and its upper bound."""

    low: float = -LARGEST_NUMBER
    high: float = LARGEST_NUMBER
    inclusive: tuple[bool, bool] = (True, True)

    def accepts(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        with_low, with_high = self.inclusive
        above = value >= self.low if with_low else value > self.low
        return above and (value <= self.high if with_high else value < self.high)


@dataclass(frozen=True, slots=True)
class Cidr:
    """Text that is an address of a network, v4 or v6."""

    network: IPv4Network | IPv6Network

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            return ip_address(value) in self.network
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """Any leaf, null included, that is none of `values` and that none of `matchers` accepts."""

    values: frozenset[Identity] = frozenset()
    matchers: frozenset[Matcher] = field(default=frozenset())

    def accepts(self, value: Any) -> bool:
        if identity(value) in self.values:
            return False
        return not any(matcher.accepts(value) for matcher in self.matchers)


def _any_case(text: str) -> str:
    """A regular expression for a text in the upper and lower case forms of each of its characters."""
    forms = (sorted({character.lower(), character.upper()}) for character in text)
    return "".join(
        "(?:" + "|".join(map(re.escape, form)) + ")" if len(form) > 1 else re.escape(*form) for form in forms
    )
