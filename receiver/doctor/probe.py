"""Single small HTTP requests of the doctor's: no redirects, bounded in size and time."""

import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver

from receiver import __version__
from receiver.errors import RouterError
from receiver.sns import Roots
from receiver.sns.roots import RootsUnusable

_MOST = 4096


class Unreachable(RouterError):
    """No answer came; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whatever its status. Times are seconds since the epoch."""

    status: int
    text: str
    """Its beginning."""
    date: float | None
    """What its Date says."""
    asked_at: float
    heard_at: float


class Probe:
    """Asks with GET. Honours HTTPS_PROXY and NO_PROXY, as the daemon does."""

    def __init__(
        self,
        roots: Roots | None = None,
        resolver: AbstractResolver | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`resolver` tells where hosts are (for simulators)."""
        self._roots = roots
        self._resolver = resolver
        self._clock = clock

    async def get(
        self, url: str, *, seconds: float = 5.0, unix: Path | None = None, trusted: bool = True, most: int = _MOST
    ) -> Answer:
        """GET `url`, by a Unix socket where `unix` names one; the text is cut at `most` bytes. Raises Unreachable.

        With `trusted` unset any certificate will do: for this machine's own listener, whose certificate is judged
        apart.
        """
        asked_at = self._clock()
        try:
            async with (
                aiohttp.ClientSession(connector=self._connector(unix, trusted), trust_env=unix is None) as session,
                session.get(
                    url,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=seconds),
                    headers={"User-Agent": f"spapi-router/{__version__}"},
                ) as response,
            ):
                text = (await _beginning(response.content, most)).decode("utf-8", "replace")
                return Answer(response.status, text, _date(response), asked_at, self._clock())
        except TimeoutError:
            raise Unreachable(f"no answer within {seconds:g} s") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise Unreachable(f"its certificate is not trusted here: {error.certificate_error}") from None
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(reason_of(error.os_error)) from None
        except (aiohttp.ClientError, RootsUnusable, OSError, ValueError) as error:
            raise Unreachable(str(error) or type(error).__name__) from None

    def _connector(self, unix: Path | None, trusted: bool) -> aiohttp.BaseConnector:
        if unix:
            return aiohttp.UnixConnector(str(unix))
        context = (self._roots or Roots.system()).client_context() if trusted else _trusting()
        return aiohttp.TCPConnector(ssl=context, resolver=self._resolver)


async def _beginning(content: aiohttp.StreamReader, most: int) -> bytes:
    pieces, size = [], 0
    while size < most and (piece := await content.read(most - size)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def reason_of(error: OSError) -> str:
    """Why a connection was not made, without the address, which whoever asked knows."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _date(response: aiohttp.ClientResponse) -> float | None:
    try:
        return parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except ValueError:
        return None
