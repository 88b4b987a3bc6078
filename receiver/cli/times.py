"""Times on the command line: ISO 8601, or an age such as `2h` or `7d`."""

import time
from typing import Any

import click

from handlers.base import parse_duration
from receiver.times import parse_time


class TimeOrAge(click.ParamType[Any]):
    """Seconds since the epoch from `2026-03-06T20:00:26Z`, or from how long ago (`90m`, `7d`)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        moment = parse_time(value)
        if moment is not None:
            return moment
        try:
            return time.time() - parse_duration(value)
        except ValueError:
            self.fail(f"{value!r} is not a time: write 2026-03-06T20:00:26Z, or an age like 2h or 7d", param, ctx)


TIME = TimeOrAge()
