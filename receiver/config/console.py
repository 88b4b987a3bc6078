"""`[console]`: who may use the console and the API on the admin listener."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from handlers.base import PositiveDuration, Secret
from receiver.config.settings import Section

_HOST = re.compile(r"(?!.*\.\.)[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")
_USER = r"^[a-z_][a-z0-9_-]{0,30}\$?$"
_LARGEST_ID = (1 << 32) - 2


def _host(value: str) -> str:
    if _HOST.fullmatch(value):
        return value.lower()
    raise ValueError(f'"{value}" is not a host name: write one like "router.example.com", without scheme and port')


HostName = Annotated[
    str,
    AfterValidator(_host),
    WithJsonSchema(
        {"type": "string", "maxLength": 253, "pattern": f"^{_HOST.pattern}$", "examples": ["router.example.com"]}
    ),
]
UserName = Annotated[str, Field(pattern=_USER)]
UserId = Annotated[int, Field(ge=0, le=_LARGEST_ID)]


class ConsoleSettings(Section):
    """`[console]`: who may use the console and the API. Health and metrics are open to whoever reaches the listener."""

    token: Secret | None = None
    """Logs in to the console, and is the API's bearer token: 16 characters at least, like `openssl rand -hex 32` makes.
    Without it both are closed, but for users of the machine where `server.admin` is a Unix socket."""
    users: tuple[UserName | UserId, ...] = ()
    """Users of this machine, by name or number, that may connect through the Unix socket of `server.admin` without a
    token, beside root and the daemon's own."""
    session: PositiveDuration = 12 * 3600.0
    """How long a login lasts. A restart ends it too."""
    hosts: tuple[HostName, ...] = ()
    """Names under which browsers reach the admin listener, as through a proxy. IP addresses and localhost always do."""
