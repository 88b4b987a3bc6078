"""Names of fields that are not to be kept: `payload.Offers.*.SellerId`. Pure."""

import re
from dataclasses import dataclass
from functools import cached_property

_PART = re.compile(r'(?P<plain>[\w$@:-]+|\*)|"(?P<quoted>(?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
ANY = "*"
"""Stands for every element of a list, and for every name."""


@dataclass(frozen=True)
class FieldPath:
    """A parsed path. A name that meets a list means that name in each of its elements."""

    source: str
    steps: tuple[str, ...]

    @classmethod
    def parse(cls, source: str) -> "FieldPath":
        """Names with dots between them, `*` for any, other characters in double quotes. Raises ValueError."""
        steps: list[str] = []
        place = 0
        while True:
            match = _PART.match(source, place)
            if match is None:
                raise ValueError(f'"{source}" is not a path of names with dots between them: at column {place + 1}')
            plain, quoted = match["plain"], match["quoted"]
            steps.append(plain if quoted is None else _ESCAPED.sub(r"\1", quoted))
            place = match.end()
            if place == len(source):
                return cls(source, tuple(steps))
            if source[place] != ".":
                raise ValueError(f'"{source}" is not a path: a dot is expected at column {place + 1}')
            place += 1

    def below(self, *steps: str) -> "FieldPath":
        """The path within another place."""
        return FieldPath(self.source, (*steps, *self.steps))

    @cached_property
    def forms(self) -> tuple[frozenset[str], ...]:
        """Of each step the names that fit: SP-API writes a field in PascalCase in one type, in camelCase in another."""
        return tuple(frozenset({step, step[:1].swapcase() + step[1:]}) for step in self.steps)

    def covers(self, field: tuple[str, ...]) -> bool:
        """Whether the field of that path, without indices, is this one or lies in it."""
        mine = [step for step in self.steps if step != ANY]
        theirs = [step for step in field if step != ANY and not step.isdecimal()]
        return len(mine) <= len(theirs) and all(
            theirs[place] in {step, step[:1].swapcase() + step[1:]} for place, step in enumerate(mine)
        )
