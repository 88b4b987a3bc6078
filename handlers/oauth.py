"""Access tokens by the OAuth 2.0 client credentials grant (RFC 6749, section 4.4)."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote_plus

import aiohttp
import orjson
from pydantic import field_validator

from handlers.errors import HandlerError
from handlers.failures import describe
from handlers.printable import printable
from handlers.settings import HandlerSettings, Secret
from handlers.target import Target

_EARLY = 30.0
"""Seconds before its end that a token is given up, for clocks that differ and requests that take time."""
_DEFAULT_LIFETIME = 300.0
_LONGEST_ANSWER = 65536
_TIMEOUT = aiohttp.ClientTimeout(total=30)


class OAuthError(HandlerError):
    """No access token is to be had now. The text holds what the token endpoint said, never a secret."""


class OAuthSettings(HandlerSettings):
    """`auth = { type = "oauth2", ... }`."""

    type: Literal["oauth2"]
    token_url: Target
    client_id: str | Secret
    client_secret: Secret
    scope: str = ""
    client_auth: Literal["basic", "body"] = "basic"
    """Where the client's id and secret go (RFC 6749, section 2.3.1)."""
    parameters: Mapping[str, str] = {}
    """Further form fields that an authorization server asks for, like `audience`."""

    @field_validator("token_url")
    @classmethod
    def _fixed(cls, target: Target) -> Target:
        if not target.fixed:
            raise ValueError("a token_url takes no templates")
        return target


class TokenSource:
    """Holds one token in memory. Fetched once, however many deliveries wait for it, and failing for all of them."""

    def __init__(self, settings: OAuthSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._token: tuple[str, float] | None = None
        self._fetch: asyncio.Task[str] | None = None

    async def token(self, post: Callable[..., Any]) -> str:
        """A token that is good for some time. `post` is like `aiohttp.ClientSession.post`. Raises OAuthError."""
        if self._token is not None and self._clock() < self._token[1]:
            return self._token[0]
        if self._fetch is None:
            self._fetch = asyncio.create_task(self._fetch_token(post))
            self._fetch.add_done_callback(self._fetched)
        return await _shared(self._fetch)

    def check(self) -> None:
        """Raises SecretError where the client's id or secret cannot be read."""
        self._request()

    def refuse(self, token: str) -> None:
        """Give a token up that a destination did not take; a newer one stays."""
        if self._token is not None and self._token[0] == token:
            self._token = None

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.wait([self._fetch])

    def _fetched(self, task: asyncio.Task[str]) -> None:
        self._fetch = None
        if not task.cancelled():
            task.exception()  # marked as seen: all who waited may be gone

    async def _fetch_token(self, post: Callable[..., Any]) -> str:
        form, headers = self._request()
        url = self._settings.token_url.url({})
        try:
            async with post(url, data=form, headers=headers, allow_redirects=False, timeout=_TIMEOUT) as response:
                answer = await _bounded(response)
                status = response.status
        except (aiohttp.ClientError, OSError) as error:
            raise OAuthError(f"token_url: {describe(error)}") from None
        return self._keep(status, answer)

    def _request(self) -> tuple[dict[str, str], dict[str, str]]:
        settings = self._settings
        name = settings.client_id if isinstance(settings.client_id, str) else settings.client_id.read()
        secret = settings.client_secret.read()
        form = {"grant_type": "client_credentials", **settings.parameters}
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if settings.scope:
            form["scope"] = settings.scope
        if settings.client_auth == "body":
            form |= {"client_id": name, "client_secret": secret}
        else:
            pair = f"{quote_plus(name)}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return form, headers

    def _keep(self, status: int, answer: bytes) -> str:
        fields = _object(answer)
        token = fields.get("access_token")
        if status != 200 or not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise OAuthError(f"token_url: no token: status {status}{_explanation(fields)}")
        kind = fields.get("token_type", "Bearer")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise OAuthError(f"token_url: the token is of type {str(kind)[:50]!r}; only bearer tokens are supported")
        lifetime = _lifetime(fields.get("expires_in"))
        self._token = (token, self._clock() + lifetime - min(_EARLY, lifetime / 2))
        return token


async def _shared(fetch: asyncio.Task[str]) -> str:
    """The outcome of a fetch that others wait for too. Cancelling who waits does not end it."""
    try:
        return await asyncio.shield(fetch)
    except asyncio.CancelledError:
        waiter = asyncio.current_task()
        if fetch.cancelled() and waiter is not None and not waiter.cancelling():
            raise OAuthError("token_url: the handler was closed while it waited for a token") from None
        raise


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of an answer: longer ones are no token answers."""
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > _LONGEST_ANSWER:
            response.close()
            break
    return bytes(data[:_LONGEST_ANSWER])


def _object(answer: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(answer)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _explanation(fields: Mapping[str, Any]) -> str:
    """`error` and `error_description` (RFC 6749, section 5.2) as one printable line."""
    texts = [fields[name] for name in ("error", "error_description") if isinstance(fields.get(name), str)]
    return f": {printable(': '.join(texts), 300)}" if texts else ""


def _lifetime(value: Any) -> float:
    """Seconds in `expires_in`, which some servers send as text and some leave out."""
    try:
        return max(float(value), 0.0)
    except (TypeError, ValueError):
        return _DEFAULT_LIFETIME
