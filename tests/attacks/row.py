"""What a row of the table of attacks is: something hostile, the right answer, and what must not have happened."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tests.attacks.egress import Page
    from tests.attacks.forge import Forge
    from tests.attacks.stage import Stage
    from tests.attacks.wire import Answer

CLOSED = "closed"
"""The answer of a connection that ended without one."""


@dataclass(frozen=True, slots=True)
class Script:
    """What goes over one connection: pieces of bytes, each sent when `pause` seconds have passed since the last."""

    pieces: tuple[bytes, ...]
    pause: float = 0.0
    hang_up: bool = False
    """Close the connection right after the last piece, without reading an answer."""
    patience: float = 80.0
    """Seconds to wait for the connection's end, far more than it takes on a machine that is not busy."""
    admin: bool = False
    """Say it to the admin listener."""


@dataclass(frozen=True, slots=True)
class Post:
    """A POST to the door with an ordinary framing."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request to the admin listener, where console and API are."""

    path: str
    method: str = "GET"
    who: Literal["nobody", "token", "session"] = "nobody"
    """Who asks: nobody known, a program with the token, or a browser that has logged in."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    csrf: bool = False
    """Whether the session's own CSRF token is sent along."""


Sending = Script | Post | Visit | tuple[Visit, ...] | Mapping[str, Any]
"""Raw bytes, a request to the door, some to the admin listener, or the fields of an SNS message."""


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
    look: Callable[["Answer"], None] | None = None
    """Looks at the answer itself, where there is one."""
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
    sink_body: str = ""
    """What the sink answers, with 500; it takes everything where this is empty."""
