"""The exception tree of the daemon. Raised low; `receiver.responses` maps Refused and Unavailable to HTTP answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from receiver.config.findings import Finding


class RouterError(Exception):
    """Base of everything this package raises on purpose."""


class Refused(RouterError):
    """A push that must never come again. `reason` is a short constant for logs and counters."""

    status = 400

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.detail)


class BadMessage(Refused):
    """Not JSON, not an SNS message, or fields missing, of the wrong type or in disagreement with the headers."""


class NotAuthentic(Refused):
    """Not proven to come from SNS for an allowed topic."""

    status = 403


class Unauthorized(Refused):
    """Basic credentials are configured, and missing or wrong. SNS sends them only after such a challenge."""

    status = 401


class TooLarge(Refused):
    """Larger than the configured limit."""

    status = 413


class Unavailable(RouterError):
    """The push is not judged or not kept now; SNS should send it again. `reason` as in Refused, times in seconds."""

    def __init__(self, reason: str, detail: str, retry_after: float = 20.0) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.detail, self.retry_after)


class InboxError(RouterError):
    """The inbox cannot be opened or used; the text says what to do."""


class ConfigError(RouterError):
    """The rules file has errors. `findings` lists them all, each a line of the error's text.

    A text instead of findings is for what is wrong with the machine, not with the file.
    """

    def __init__(self, findings: "Sequence[Finding] | str") -> None:
        super().__init__(findings if isinstance(findings, str) else "\n".join(map(str, findings)))
        self.findings: tuple[Finding, ...] = () if isinstance(findings, str) else tuple(findings)
