"""What can go wrong with a call to SP-API. Every text is fit for people and holds no secret."""

from collections.abc import Mapping
from typing import Any

from handlers.errors import HandlerError

_RETRYABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_RETRYABLE_CODES = frozenset(
    {"quotaexceeded", "requestthrottled", "toomanyrequests", "serviceunavailable", "internalfailure", "internalerror"}
)
_CURES = {
    400: "correct the parameters or the body",
    401: "check that the application still has access to this account",
    403: (
        "check that the seller has authorized the application, that the application has the role which the operation "
        "needs, and that the account's region is right"
    ),
    404: "check the identifiers, and that they belong to this account and marketplace",
    413: "send a smaller body",
    415: "send the body as JSON",
}


_THROTTLED = (
    "nothing is lost, such calls wait for their turn; where it goes on, another program uses the same application, or "
    "the plan is smaller than published: call less often"
)
_THEIRS = "nothing is lost, such calls are tried again; where it goes on, look at Amazon's SP-API status page"


def cure_of(status: int) -> str:
    """What to do where SP-API goes on answering a status."""
    if status == 429:
        return _THROTTLED
    return _THEIRS if status >= 500 else _CURES.get(status, "see what the newest deliveries say")


class SpapiFault(HandlerError):
    """Base of what this package raises. `retryable` says whether the same call may succeed later."""

    retryable = False


class CatalogueError(SpapiFault):
    """No such operation, or parameters that do not fit it."""


class RegionError(SpapiFault):
    """An unknown region or marketplace, or a marketplace of another region than the account's."""


class AccountError(SpapiFault):
    """No account to call with, or more than one; the text says how to authorize or to choose."""


class VaultError(SpapiFault):
    """The key of the token store is unusable, or a stored token does not open with it."""


class LwaError(SpapiFault):
    """Login with Amazon gave no token. `code` is OAuth's error code (RFC 6749, section 5.2), empty where none came."""

    def __init__(self, detail: str, code: str = "", status: int | None = None, retryable: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status
        self.retryable = retryable


class Unreachable(SpapiFault):
    """Amazon could not be reached, or the connection broke before the answer was complete."""

    retryable = True


class PlanExhausted(SpapiFault):
    """The usage plan has no room now: come back in `after` seconds with the same ticket. Nothing was sent."""

    retryable = True

    def __init__(self, operation: str, after: float) -> None:
        super().__init__(f"the usage plan of {operation} has no room for {after:.1f} s")
        self.operation = operation
        self.after = after


class SpapiError(SpapiFault):
    """An error that SP-API answered with. `after`: seconds until the usage plan has room again, for 429 and 503."""

    def __init__(self, operation: str, status: int, errors: list[dict[str, str]], request_id: str) -> None:
        first: Mapping[str, str] = errors[0] if errors else {}
        self.operation = operation
        self.status = status
        self.errors = errors
        self.code = first.get("code", "")
        self.message = first.get("message", "")
        self.details = first.get("details", "")
        self.request_id = request_id
        self.after: float | None = None
        self.retryable = status in _RETRYABLE_STATUS or self.code.lower() in _RETRYABLE_CODES
        super().__init__(self._text())

    @property
    def throttled(self) -> bool:
        """Whether the usage plan was the reason: no failure of the call itself."""
        return self.status == 429 or self.code.lower() == "quotaexceeded"

    @property
    def token_expired(self) -> bool:
        """Whether a new access token may help: 401, or a 403 that names the access token as ended or revoked."""
        words = f"{self.message} {self.details}".lower()
        ended = "access token" in words and ("expired" in words or "revoked" in words)
        return self.status == 401 or (self.status == 403 and ended)

    def _text(self) -> str:
        said = ": ".join(part for part in (self.code, self.message, self.details) if part) or "no reason given"
        cure = "" if self.retryable or self.status not in _CURES else f"; {_CURES[self.status]}"
        identity = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.operation} answered {self.status}: {said}{cure}{identity}"


def shown(text: Any) -> str:
    """What somebody else's answer says, fit to be printed: bounded, on one line, without control characters."""
    return "".join(character if character.isprintable() else " " for character in str(text or "")[:500])


def errors_of(answer: Any) -> list[dict[str, str]]:
    """The `errors` of an answer as text, bounded; empty where the answer has none."""
    listed = answer.get("errors") if isinstance(answer, Mapping) else None
    if not isinstance(listed, list):
        return []
    return [
        {name: shown(error.get(name)) for name in ("code", "message", "details")}
        for error in listed[:20]
        if isinstance(error, Mapping)
    ]
