"""The `headers` table of a rules file: which names it may set, and which values (RFC 9110, section 5)."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator

from handlers.named_values import TemplateOrSecret

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OF_THE_CONNECTION = frozenset(
    {"accept-encoding", "connection", "content-encoding", "content-length", "expect", "host", "keep-alive"}
    | {"proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Set by the client itself (RFC 9110, section 7.6.1): another value would break the request or smuggle a second one."""
_OF_THE_SIGNATURE = "webhook-"


def wrong_in_header(value: str) -> str | None:
    """What no header's value may hold, if this one does: it could end the header and begin another."""
    return "a line break or another control character" if _CONTROL.search(value) else None


def _check_names(headers: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, str] = {}
    for name in headers:
        lower = name.lower()
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header's name: letters, digits and hyphens make one")
        if lower in _OF_THE_CONNECTION:
            raise ValueError(f"{name} is set by the connection itself: leave it out")
        if lower.startswith(_OF_THE_SIGNATURE):
            raise ValueError(f"{name} belongs to the signature: leave it out, and set secret to sign")
        if lower in seen:
            raise ValueError(f"{seen[lower]} and {name} are the same header: write one of them")
        seen[lower] = name
    return headers


HeaderSettings = Annotated[dict[str, TemplateOrSecret], AfterValidator(_check_names)]
"""The type of a `headers` table."""
