"""What an answer must say to count as done: for services that answer 200 and tell of a failure in the body."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from handlers.base import Dead, Done
from handlers.field import dotted, find
from handlers.filters import MISSING
from handlers.printable import printable

_SAID = 300
"""Characters of an answer that its reason repeats."""
_EXAMPLE = 'write the values that it may have, like { status = ["ACCEPTED"] }'

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expectation:
    """Fields of a JSON answer, each with the values that it may have. A type for handler settings."""

    source: Mapping[str, Any]
    _wanted: tuple[tuple[Path, tuple[Any, ...]], ...] = ()

    @classmethod
    def parse(cls, source: object) -> "Expectation":
        """Raises ValueError with the place and the cure."""
        if isinstance(source, Expectation):
            return source
        if not isinstance(source, Mapping) or not source:
            raise ValueError(f"a table is expected: {_EXAMPLE}")
        return cls(source, tuple(_leaves(source, ())))

    def judge(self, done: Done, content: bytes) -> Done | Dead:
        """The outcome of a call that was answered with success: dead where the answer says otherwise.

        `content` is the whole answer. The reason repeats what is kept of it with the attempt, and nothing more.
        """
        fault = self._fault(content)
        if fault is None:
            return done
        said = printable(done.response.decode("utf-8", "replace"), _SAID)
        reason = f"answered {done.status}, but {fault}{f'; it says {said}' if said else ''}"
        return Dead(reason, done.status, done.response, done.request_id)

    def _fault(self, content: bytes) -> str | None:
        try:
            answer = orjson.loads(content)
        except orjson.JSONDecodeError:
            return "the answer is not JSON, so it does not say what `expect` asks for"
        for path, wanted in self._wanted:
            found = find(answer, path)
            if not any(_same(found, value) for value in wanted):
                return f"{dotted(path)} is {_shown(found)}, not {' or '.join(map(_shown, wanted))}"
        return None

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": ["array", "object"],
                "minItems": 1,
                "minProperties": 1,
                "items": {"type": ["string", "number", "boolean"]},
            },
            "description": "fields of the answer and the values they may have",
        }


def _leaves(source: Mapping[str, Any], above: Path) -> Iterator[tuple[Path, tuple[Any, ...]]]:
    for name, value in source.items():
        path = (*above, name)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        elif isinstance(value, list) and value and all(isinstance(item, str | int | float) for item in value):
            yield path, tuple(value)
        else:
            raise ValueError(f"{dotted(path)}: {_EXAMPLE}")


def _same(found: Any, wanted: Any) -> bool:
    """Whether two JSON values are equal; true is not 1."""
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


def _shown(value: Any) -> str:
    if value is MISSING:
        return "missing"
    return printable(orjson.dumps(value).decode(), 80)
