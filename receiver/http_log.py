"""What aiohttp says of requests, as our events: anybody can send what is no HTTP, and must not fill the log by it."""

import logging
import re
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError

from receiver.events import log
from receiver.sparing import Sparing

_LONGEST = 200
_BYTES = re.compile(r"""\bb['"]""")


class HttpLog(logging.LoggerAdapter[logging.Logger]):
    """Takes the place of the logger that aiohttp's server would write errors and tracebacks to.

    A request that cannot be parsed is one line at level INFO (`bad_http`), whatever else failed one at ERROR
    (`http_failed`); tracebacks are for level DEBUG.
    """

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger, {})
        self._sparing = Sparing()

    def exception(self, msg: object, *args: object, exc_info: Any = True, **_more: Any) -> None:
        """An exception that met aiohttp's server; `args` begin with the peer's address where it names one."""
        remote = args[0] if args and isinstance(args[0], str) else None
        if isinstance(exc_info, HttpProcessingError):
            facts = {"remote": remote, "error": _words(exc_info.message)}
            self._sparing.log("bad_http", self.logger, logging.INFO, "bad_http", **facts)
            return
        error = f"{type(exc_info).__name__}: {exc_info}" if isinstance(exc_info, BaseException) else str(msg)
        log(self.logger, logging.ERROR, "http_failed", remote=remote, error=_words(error))
        self.logger.debug("http_failed", exc_info=exc_info)

    def debug(self, msg: object, *args: object, exc_info: Any = None, **_more: Any) -> None:
        """As `exception` for what is no HTTP at all; anything else aiohttp has to say is left out."""
        if isinstance(exc_info, HttpProcessingError):
            self.exception(msg, *args, exc_info=exc_info)


def _words(text: str) -> str:
    """A parser's words on one line, without the sender's bytes, which it shows as b'...'."""
    return " ".join(_BYTES.split(text, 1)[0].split()).rstrip(" :")[:_LONGEST]
