"""Which happenings at the public door raise which internal notifications, at most one of a kind in ten minutes."""

import logging

from receiver.dispatcher.reporter import DELIVERY_DEAD, stillborn
from receiver.errors import Refused, Unavailable
from receiver.inbox.store import Stillborn
from receiver.internal import InternalEvents
from receiver.refusals import Refusals

_logger = logging.getLogger(__name__)
_QUIET = 600.0


class Alarms:
    """Turns what an operator should hear of into `router.*` notifications."""

    def __init__(self, internal: InternalEvents, refusals: Refusals) -> None:
        self._internal = internal
        self.refusals = refusals

    def failed(self, error: Refused | Unavailable) -> None:
        """A push was not taken: certificates that are not SNS's are told of, an attack or one that has ended."""
        self.refusals.note(error)
        if error.reason.startswith("certificate"):
            payload = {"reason": error.reason, "detail": error.detail}
            self._internal.emit("router.certificate_refused", payload, error.reason, _QUIET)

    def unrouted(self, type_: str, notification_id: str, topic: str) -> None:
        """No rule matched. Said once for each type, and never of an internal notification."""
        payload = {"type": type_, "notification_id": notification_id, "topic": topic}
        self._internal.emit("router.unrouted", payload, type_, _QUIET)

    def dead(self, notification: int, each: Stillborn) -> None:
        """A delivery was dead at once, told of as those that a lane gives up: no lane hears of it."""
        self._internal.emit(DELIVERY_DEAD, stillborn(_logger, notification, each))

    def subscription_pending(self, topic: str, detail: str) -> None:
        """A subscription waits for its confirmation."""
        self._internal.emit("router.subscription_pending", {"topic": topic, "detail": detail}, topic, _QUIET)
