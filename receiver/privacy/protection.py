"""What `[privacy]` asks for, done to what is about to be kept and undone for who reads it. Pure."""

from dataclasses import dataclass, replace

from receiver.inbox.identity import chain_key, repeat_key, webhook_id, webhook_key
from receiver.inbox.store import Child, Claim, Entry, Result, Route, Stillborn
from receiver.notification import Notification
from receiver.privacy.redaction import Redaction
from receiver.privacy.seal import Seal, Unopened

BODY = "body"
"""The place of a notification's message."""
ANSWER = "answer"
"""The place of an attempt's answer."""
REASON = "reason"
"""The place of what an attempt said, with the attempt and with its delivery."""
_LONGEST_NAME = 256
_HASHED = "#"


def result_place(webhook: str) -> str:
    """The place of a result that waits for the delivery of that webhook id."""
    return f"result {webhook}"


def name_of(dedup_key: str) -> str:
    """The name that values of a notification are bound to."""
    if len(dedup_key) <= _LONGEST_NAME and not dedup_key.startswith(_HASHED):
        return dedup_key
    return _HASHED + repeat_key(dedup_key).hex()


def delivery_name(delivery_id: int) -> str:
    """The name that answers of a delivery are bound to."""
    return f"delivery {delivery_id}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Of a delivery that was handed out: what its results are bound to."""

    handler: str
    webhook: str
    name: str
    """The notification's, empty where its message was kept unsealed."""


@dataclass(frozen=True, slots=True)
class Protection:
    """Redacts, seals and opens. Can be pickled: it goes to the process that writes."""

    redaction: Redaction | None = None
    seal: Seal | None = None

    def readied(self, notifications: list[Notification], body: bytes) -> tuple[list[Notification], bytes]:
        """What may be kept, and seen by rules, of the notifications in an SNS message. Raises ValueError."""
        return self.redaction.redacted(notifications, body) if self.redaction else (notifications, body)

    def sealed(self, entry: Entry) -> Entry:
        """An entry with its message encrypted, where that is asked for."""
        if self.seal is None:
            return entry
        name = name_of(entry.notification.dedup_key)
        routes = tuple(self._reasoned(self.seal, route, name) for route in entry.routes)
        return entry._replace(body=self.seal.seal(entry.body, name, BODY), routes=routes)

    def opened(self, claim: Claim) -> tuple[Claim, Origin]:
        """A claim as handlers need it. Raises Unopened."""
        if self.seal is None:
            return claim, Origin(claim.handler, claim.webhook_id, "")
        body, name = self.seal.open(claim.notification_body, BODY)
        result = claim.body
        if result is not None:
            result, owner = self.seal.open(result, result_place(claim.webhook_id))
            moved = bool(name and owner and owner != name)
        else:
            moved = name is not None and not _is_of(claim, name)
        if moved:
            raise Unopened("its message was moved here from another notification")
        return claim._replace(notification_body=body, body=result), Origin(claim.handler, claim.webhook_id, name or "")

    def finished(self, result: Result, origin: Origin) -> Result:
        """A result as it may be kept."""
        response, detail, children = result.response, result.detail, result.children
        if self.redaction:
            response = self.redaction.response(response, origin.handler)
            children = tuple(self._redacted(self.redaction, child, origin) for child in children)
        if self.seal:
            name = delivery_name(result.delivery_id)
            response = self.seal.seal(response, name, ANSWER) if response else response
            detail = self.seal.seal_text(detail, name, REASON)
            children = tuple(self._sealed(self.seal, child, origin) for child in children)
        return result._replace(response=response, detail=detail, children=children)

    def told(self, dead: tuple[Stillborn, ...]) -> tuple[Stillborn, ...]:
        """Deliveries that were dead at once, their reasons as who looks after the daemon is told them."""
        if self.seal is None:
            return dead
        return tuple([each._replace(reason=self.seal.open_text(each.reason, REASON)) for each in dead])

    @staticmethod
    def _reasoned(seal: Seal, route: Route, name: str) -> Route:
        """A route with the reason encrypted for which it is dead at once: it may quote the message."""
        return route if route.dead is None else replace(route, dead=seal.seal_text(route.dead, name, REASON))

    @staticmethod
    def _redacted(redaction: Redaction, child: Child, origin: Origin) -> Child:
        return child._replace(body=redaction.result(child.body, origin.handler))

    @staticmethod
    def _sealed(seal: Seal, child: Child, origin: Origin) -> Child:
        parent = bytes.fromhex(origin.webhook.removeprefix("msg_"))
        place = result_place(webhook_id(chain_key(parent, child.handler)))
        return child._replace(body=seal.seal(child.body, origin.name, place))


def _is_of(claim: Claim, name: str) -> bool:
    """Whether a delivery that begins a chain is one of the notification of that name, as far as its id tells."""
    return name.startswith(_HASHED) or webhook_id(webhook_key(name, claim.rule, claim.handler)) == claim.webhook_id
