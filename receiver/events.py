"""Structured log events: a constant name and its facts, rendered as key=value for people or JSON for machines.

Code logs `logger.info("push_accepted", extra={"facts": {"notification": 7}})`; `log` is the short way to say it.
Under systemd each line begins with its priority (sd-daemon(3)), which the journal takes off again.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import orjson

from receiver.escapes import escaped_json
from receiver.times import iso

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
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
    """`2026-01-01T00:00:00.000Z info push_accepted notification=7 type=ORDER_CHANGE`, always one line.

    `timed` is False where whoever gets the lines notes the time of each.
    """

    def __init__(self, timed: bool = True) -> None:
        super().__init__()
        self._timed = timed

    def format(self, record: logging.LogRecord) -> str:
        time = f"{iso(record.created)} " if self._timed else ""
        head = f"{time}{record.levelname.lower()} {_line(record.getMessage())}"
        facts = "".join(f" {name}={_value(value)}" for name, value in facts_of(record).items() if value is not None)
        return head + facts + (f" exception={_value(self.formatException(record.exc_info))}" if record.exc_info else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `event` and the facts."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": iso(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        fields |= {name: value for name, value in facts_of(record).items() if name not in fields}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        try:
            return escaped_json(orjson.dumps(fields, default=str).decode())
        except orjson.JSONEncodeError:
            # Bytes of a sender's that are no UTF-8, or a number beyond 64 bits: the line must not be lost for them.
            return json.dumps(fields, default=str)


class JournalFormatter(logging.Formatter):
    """Lines of another formatter with their syslog priorities in front: `<6>info push_accepted …`."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        priority = next(priority for level, priority in _PRIORITIES if record.levelno >= level)
        return f"<{priority}>{self._inner.format(record)}"


class _LogStream(logging.StreamHandler[TextIO]):
    """Writes the log, and stops trying where nobody can ever read it again."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """The end of a pipe closed for good is left for the null device, or Python would end with status 120.

        Source: "Note on SIGPIPE" in the documentation of Python's module signal.
        """
        if not isinstance(sys.exc_info()[1], BrokenPipeError):
            super().handleError(record)
            return
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.stream.fileno())
        os.close(null)


def configure(
    level: str = "info", form: str = "text", stream: TextIO | None = None, environ: Mapping[str, str] = os.environ
) -> None:
    """Send the daemon's log to a stream (standard error where none is given), with priorities if it is the journal."""
    stream = stream or sys.stderr
    journal = _is_journal(stream, environ.get("JOURNAL_STREAM", ""))
    formatter = JsonFormatter() if form == "json" else TextFormatter(timed=not journal)
    handler = _LogStream(stream)
    handler.setFormatter(JournalFormatter(formatter) if journal else formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").disabled = True
    # It would log each statement with its values, buyers' data among them.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    # It would log each call to SP-API with its whole query, beside our own line of what became of the delivery.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def error_text(text: str, stream: TextIO, environ: Mapping[str, str] = os.environ) -> str:
    """What a program that ends says of it; if the stream is the journal, each line with the priority of an error."""
    if not _is_journal(stream, environ.get("JOURNAL_STREAM", "")):
        return text
    return "\n".join(f"<3>{line}" for line in text.splitlines())


def _is_journal(stream: TextIO, journal: str) -> bool:
    """Whether a stream is the one that JOURNAL_STREAM names by device and inode (systemd.exec(5))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return journal == f"{status.st_dev}:{status.st_ino}"


def _line(text: str) -> str:
    return text if text.isprintable() else _quoted(text)


def _value(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    quoted = orjson.dumps(text.encode("utf-8", "replace").decode()).decode()
    return quoted if quoted.isprintable() else ascii(text)
