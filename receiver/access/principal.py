"""Who is at the door."""

from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """How somebody came in."""

    TOKEN = "token"  # noqa: S105 - the name of a way
    """The token, with this one request."""
    SESSION = "session"
    """A cookie, got for the token: browsers send it by themselves."""
    PEER = "peer"
    """The Unix socket, which says who connects: browsers behind a forwarded port send nothing of their own."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who was let in."""

    name: str
    """For the audit log: `unix:NAME`, `session ID (ADDRESS)` or `token (ADDRESS)`."""
    way: Way
    identity: str
    """What its forms' tokens are bound to."""

    @property
    def ambient(self) -> bool:
        """Whether a strange page could make a browser send requests in this name."""
        return self.way is not Way.TOKEN
