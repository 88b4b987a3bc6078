r"""The `wildcard` operator: `*` stands for any run of characters, `\*` and `\\` for themselves.

Source: README of Amazon's Event Ruler (no `**`, no other escape) and the EventBridge User Guide, which refuses
wildcards that are too complex. Matching takes time linear in the value, whoever wrote it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_MOST_PREFIXES = 10
_MOST_STATES = 2000
_STAR = ""


@dataclass(frozen=True, slots=True)
class Wildcard:
    """The literal texts between the stars of a wildcard."""

    parts: tuple[str, ...]

    def accepts(self, value: Any) -> bool:
        """Whether a text has the parts in their order, the first at its start and the last at its end."""
        if not isinstance(value, str):
            return False
        first, *middle = self.parts
        if not middle:
            return value == first
        last = middle.pop()
        place, end = len(first), len(value) - len(last)
        if place > end or not value.startswith(first) or not value.endswith(last):
            return False
        for part in middle:
            place = value.find(part, place, end)
            if place < 0:
                return False
            place += len(part)
        return True


def parse_wildcard(text: str) -> Wildcard:
    """Raises ValueError with the position of the fault, counted from 1, and the cure."""
    tokens = _tokens(text)
    if _live_prefixes(tokens) >= _MOST_PREFIXES:
        raise ValueError(
            "too complex, and refused by EventBridge: use fewer * or repeat less text after a *, "
            "or several wildcards in the list"
        )
    parts = [""]
    for token in tokens:
        if token == _STAR:
            parts.append("")
        else:
            parts[-1] += token
    return Wildcard(tuple(parts))


def _tokens(text: str) -> list[str]:
    """The characters that stand for themselves, and `_STAR`."""
    tokens: list[str] = []
    place = 0
    while place < len(text):
        character = text[place]
        if character == "\\":
            place += 1
            character = text[place : place + 1]
            if character not in ("*", "\\"):
                raise ValueError(f"the backslash at character {place} escapes nothing: write \\\\ for a backslash")
        elif character == "*":
            if tokens and tokens[-1] == _STAR:
                raise ValueError(f"** at character {place}: a single * already stands for any text")
            character = _STAR
        tokens.append(character)
        place += 1
    return tokens


def _live_prefixes(tokens: Sequence[str]) -> int:
    """How many beginnings of the wildcard, past its first star, one text can end in at once, up to the limit.

    Event Ruler's measure of complexity (MachineComplexityEvaluator). The search over sets of beginnings is bounded;
    a wildcard that exhausts it counts as simple, which costs nothing here.
    """
    if _STAR not in tokens:
        return 0
    first = tokens.index(_STAR)
    start = frozenset([first, first + 1])
    seen, waiting, most = {start}, [start], 0
    while waiting and len(seen) < _MOST_STATES:
        live = waiting.pop()
        most = max(most, len(live))
        if most >= _MOST_PREFIXES:
            break
        for character in {tokens[place] for place in live if place < len(tokens)} - {_STAR}:
            following = _follow(tokens, live, character)
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return most


def _follow(tokens: Sequence[str], live: frozenset[int], character: str) -> frozenset[int]:
    """The beginnings that remain or become live with one more character."""
    stay = {place for place in live if place and tokens[place - 1] == _STAR}
    moved = {place + 1 for place in live if place < len(tokens) and tokens[place] == character}
    skipped = {place + 1 for place in moved if place < len(tokens) and tokens[place] == _STAR}
    return frozenset(stay | moved | skipped)
