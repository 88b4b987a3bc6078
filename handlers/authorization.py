"""How a request says who sends it: HTTP Basic (RFC 7617), a bearer token (RFC 6750), OAuth 2.0 client credentials."""

import base64
from collections.abc import Callable
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, field_validator

from handlers.errors import HandlerError
from handlers.fresh import Fresh
from handlers.oauth import OAuthSettings, TokenSource
from handlers.settings import HandlerSettings, Secret


class BasicSettings(HandlerSettings):
    """`auth = { type = "basic", ... }`."""

    type: Literal["basic"]
    username: Annotated[str, Field(json_schema_extra={"pattern": "^[^:]*$"})]
    password: Secret

    @field_validator("username")
    @classmethod
    def _one_word(cls, username: str) -> str:
        if ":" in username or not username.isprintable():
            raise ValueError("a username may not hold a colon or control characters (RFC 7617)")
        return username


class BearerSettings(HandlerSettings):
    """`auth = { type = "bearer", ... }`."""

    type: Literal["bearer"]
    token: Secret


AuthSettings = Annotated[BasicSettings | BearerSettings | OAuthSettings, Field(discriminator="type")]

SCHEMES = {"basic": "Basic", "bearer": "Bearer", "oauth2": "Bearer"}
"""What the Authorization header begins with, by `type`."""


class Authorization(Protocol):
    """Gives the Authorization header of a request."""

    async def header(self, post: Callable[..., Any]) -> str:
        """The header's value. `post` is like `aiohttp.ClientSession.post`. Raises HandlerError."""

    def check(self) -> None:
        """Raises HandlerError where a secret cannot be had or used."""

    def refused(self, header: str) -> bool:
        """Take note that a destination answered 401. True where another header may be had at once."""

    async def close(self) -> None:
        """Release what is held."""


def authorization(settings: AuthSettings, clock: Callable[[], float]) -> Authorization:
    """The means for an `auth` table. `clock` gives seconds since the epoch."""
    if isinstance(settings, OAuthSettings):
        return _OAuth(settings, clock)
    return _Fixed(_basic(settings) if isinstance(settings, BasicSettings) else _bearer(settings), clock)


class _Fixed:
    """A header made of a secret."""

    def __init__(self, read: Callable[[], str], clock: Callable[[], float]) -> None:
        self._value = Fresh(read, clock)

    async def header(self, _post: Callable[..., Any]) -> str:
        return self._value.get()

    def check(self) -> None:
        self._value.get()

    def refused(self, _header: str) -> bool:
        return False

    async def close(self) -> None:
        return None


class _OAuth:
    """A header made of a token that is fetched."""

    def __init__(self, settings: OAuthSettings, clock: Callable[[], float]) -> None:
        self._tokens = TokenSource(settings, clock)

    async def header(self, post: Callable[..., Any]) -> str:
        return f"Bearer {await self._tokens.token(post)}"

    def check(self) -> None:
        self._tokens.check()

    def refused(self, header: str) -> bool:
        self._tokens.refuse(header.removeprefix("Bearer "))
        return True

    async def close(self) -> None:
        await self._tokens.close()


def _basic(settings: BasicSettings) -> Callable[[], str]:
    def read() -> str:
        pair = f"{settings.username}:{settings.password.read()}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    return read


def _bearer(settings: BearerSettings) -> Callable[[], str]:
    def read() -> str:
        token = settings.token.read().strip()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise HandlerError(f"auth.token: secret {settings.token} holds characters that no bearer token has")
        return f"Bearer {token}"

    return read
