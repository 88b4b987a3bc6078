"""What a row of the table of attacks is: something hostile, the right answer, and what must not have happened."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.attacks.egress import Page
    from tests.attacks.forge import Forge
    from tests.attacks.stage import Stage

CLOSED = "closed"
"""The answer of a connection that ended without one."""


@dataclass(frozen=True, slots=True)
class Script:
    """What goes over one connection: pieces of bytes, each sent when `pause` seconds have passed since the last."""

    pieces: tuple[bytes, ...]
    pause: float = 0.0
    hang_up: bool = False
    """Close the connection right after the last piece, without reading an answer."""
    patience: float = 20.0
    """Seconds to wait for the connection's end: SNS waits 15."""


@dataclass(frozen=True, slots=True)
class Post:
    """A POST to the door with an ordinary framing."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Sending = Script | Post | Mapping[str, Any]
"""Raw bytes, a request, or the fields of an SNS message."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attack.

    What must never happen is the same for every row: a 500, an error or a traceback in the log, a row in the inbox
    without its `200 accepted`, a request to the outside beyond `fetches`, a change of subscriptions beyond `state`,
    and a door that does not take the genuine message that follows.
    """

    name: str
    send: Callable[["Forge"], Sending]
    answer: str
    """Status and reason of the answers, several with commas between them, or `closed`."""
    fetches: int = 0
    """How many requests go out, to Amazon alone."""
    pages: Callable[["Forge"], Mapping[str, "Page"]] = lambda _forge: {}
    """What Amazon's hosts serve beyond the usual, by URL."""
    state: str = ""
    """What the topic's subscription becomes; empty where it must stay what it was."""
    after: Callable[["Stage", int], Awaitable[None]] | None = None
    """Looks at what became of the notification with that id, the last that was taken in."""
    slow: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows that attack one thing, against one daemon."""

    name: str
    about: str
    rows: tuple[Row, ...]
    rules: str = ""
    """Handlers and rules of the daemon. `{directory}` is the stage's directory and `{sink}` the sink's URL."""
    sns: str = ""
    """Further lines of its [sns]."""
