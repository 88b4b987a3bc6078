"""Structured log events: a constant name and its facts, rendered as key=value for people or JSON for machines.

Code logs `logger.info("push_accepted", extra={"facts": {"id": 7}})`; `log` is the short way to say it.
"""

import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

_PLAIN = re.compile(r"[\w.:/@+,;%*~-]+")


def log(logger: logging.Logger, level: int, event: str, /, **facts: Any) -> None:
    """Log an event with its facts; costs nothing where nobody listens at that level."""
    if logger.isEnabledFor(level):
        logger.log(level, event, extra={"facts": facts})


def facts_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """The facts of a log record, none for records of other libraries."""
    facts = getattr(record, "facts", None)
    return facts if isinstance(facts, Mapping) else {}


class TextFormatter(logging.Formatter):
    """`2026-01-01T00:00:00.000Z info push_accepted id=7 type=ORDER_CHANGE`, one line whatever the values hold."""

    def format(self, record: logging.LogRecord) -> str:
        head = f"{_time(record)} {record.levelname.lower()} {_line(record.getMessage())}"
        facts = "".join(f" {name}={_value(value)}" for name, value in facts_of(record).items() if value is not None)
        return head + facts + (f" exception={_value(self.formatException(record.exc_info))}" if record.exc_info else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `event` and the facts."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        fields |= {name: value for name, value in facts_of(record).items() if name not in fields}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(fields, default=str).decode()


def configure(level: str = "info", form: str = "text", stream: TextIO | None = None) -> None:
    """Send the daemon's log to a stream (standard error where none is given)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").disabled = True


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(text: str) -> str:
    return text if text.isprintable() else _quoted(text)


def _value(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    quoted = orjson.dumps(text.encode("utf-8", "replace").decode()).decode()
    return quoted if quoted.isprintable() else ascii(text)
