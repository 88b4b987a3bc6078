"""Option values that are written as in rules.toml."""

from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from handlers.base import Duration, Rate


class Written(click.ParamType[float]):
    """A rate or a duration, like `example`."""

    def __init__(self, name: str, kind: Any, example: str) -> None:
        self.name = name
        self._adapter = TypeAdapter[float](kind)
        self._example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds, or events a second."""
        try:
            return self._adapter.validate_python(value)
        except ValidationError:
            self.fail(f"{value!r} is not a {self.name}: write it like {self._example}", param, ctx)


RATE = Written("rate", Rate, "20/s")
DURATION = Written("duration", Duration, "10s")
