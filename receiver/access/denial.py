"""Why somebody was not let in."""

from receiver.errors import RouterError


class Denied(RouterError):
    """`status` is the answer's; `reason` a short constant, `detail` says what to do. `retry_after` in seconds."""

    def __init__(self, status: int, reason: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after
