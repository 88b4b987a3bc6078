"""Pushing messages to an endpoint the way SNS does: what it takes as delivered, and when it tries again.

Sources: Amazon SNS developer guide ("Fanout to HTTP/S endpoints": statuses; "Message delivery retries": policies).
"""

import asyncio
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

from receiver.simulators.sns.messages import Push

_MOST_ANSWER = 4096


@dataclass(frozen=True, slots=True)
class Policy:
    """How often a failed push is tried again, and after how many seconds. SNS itself: 3 retries, 20 s apart."""

    retries: int = 0
    delay: float = 20.0
    timeout: float = 15.0
    """Seconds that an endpoint has to answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a push ended."""

    status: int | None
    """None where no answer came."""
    error: str
    """Why no answer came."""
    seconds: float
    """How long the last attempt took."""
    attempts: int = 1
    text: str = ""
    """The beginning of the answer's body."""

    @property
    def taken(self) -> bool:
        """Whether SNS takes the push as delivered."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def retryable(self) -> bool:
        """Whether SNS tries again: no answer, a server error or too many requests. Other 4xx are final."""
        return self.status is None or self.status >= 500 or self.status == 429

    @property
    def label(self) -> str:
        """Status or reason, for a table."""
        return str(self.status) if self.status is not None else self.error


class Sender:
    """Posts pushes. Follows no redirect, keeps no cookie, reuses connections."""

    def __init__(self, policy: Policy, trust: ssl.SSLContext | None = None) -> None:
        self._policy = policy
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._trust or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._policy.timeout),
            skip_auto_headers=("Accept",),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def deliver(self, endpoint: str, push: Push) -> Answer:
        """Post a push, again by the policy where it fails for now."""
        attempts = 1
        answer = await self.post(endpoint, push)
        while answer.retryable and attempts <= self._policy.retries:
            await asyncio.sleep(self._policy.delay)
            attempts += 1
            answer = await self.post(endpoint, push)
        return Answer(answer.status, answer.error, answer.seconds, attempts, answer.text)

    async def post(self, endpoint: str, push: Push) -> Answer:
        """Post a push once."""
        assert self._session is not None, "a Sender is used inside its `async with`"  # noqa: S101
        clock = asyncio.get_running_loop().time
        start = clock()
        try:
            async with self._session.post(
                endpoint, data=push.body, headers=push.headers, allow_redirects=False
            ) as response:
                text = await response.content.read(_MOST_ANSWER)
                return Answer(response.status, "", clock() - start, text=text.decode("utf-8", "replace"))
        except (aiohttp.ClientError, TimeoutError) as error:
            return Answer(None, _reason(error), clock() - start)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "time-out"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "TLS failed"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "name not found"
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
        return "connection refused"
    return "connection failed"
