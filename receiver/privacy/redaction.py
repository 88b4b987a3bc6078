"""What of notifications and answers is not to be kept, taken out before anything is stored, routed or logged. Pure.

SNS's signature goes too where something was taken out: it covers the whole text, so that a masked postal code could be
found again by trying all of them against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from receiver import json_text
from receiver.notification import Notification, read, rewritten, stored_envelope, type_of
from receiver.privacy.changes import MASK, drop, mask
from receiver.privacy.paths import FieldPath
from receiver.times import iso

TOPS = ("payload", "message", "subject", "attributes")
"""Where a path into a notification's document may begin."""
UNREADABLE_ANSWER = b"(not kept: [privacy] names fields of this answer, and it is not whole JSON)"
_ATTRIBUTES = "MessageAttributes"
_PROOFS = ("Signature", "SigningCertURL")


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields that are dropped, and fields that are masked."""

    drop: tuple[FieldPath, ...] = ()
    mask: tuple[FieldPath, ...] = ()

    def __add__(self, other: "Fields") -> "Fields":
        return Fields(self.drop + other.drop, self.mask + other.mask)

    def __bool__(self) -> bool:
        return bool(self.drop or self.mask)


class Redaction:
    """Takes fields out. `types`: of notifications by type; `results`: of handlers' answers by handler."""

    def __init__(
        self, every: Fields, types: Mapping[str, Fields] | None = None, results: Mapping[str, Fields] | None = None
    ) -> None:
        self._every = every
        self._types = {name: every + fields for name, fields in (types or {}).items()}
        self._results = dict(results or {})

    def fields_of(self, type_: str) -> Fields:
        """What is taken out of notifications of a type."""
        return self._types.get(type_, self._every)

    def redacted(self, notifications: list[Notification], body: bytes) -> tuple[list[Notification], bytes]:
        """Notifications as they may be kept, with the SNS message they came in. Their dedup keys stay."""
        if not any(self.fields_of(each.type) for each in notifications):
            return notifications, body
        kept = self.message(body)
        if kept is body:
            return notifications, body
        fresh = read(stored_envelope(kept))
        return [new._replace(dedup_key=old.dedup_key) for new, old in zip(fresh, notifications, strict=True)], kept

    def seen(self, notifications: list[Notification]) -> list[Notification]:
        """The notifications of one message as rules see them. Raises ValueError."""
        envelope = notifications[0].envelope
        attributes = {name: {"Value": value} for name, value in (envelope.attributes or {}).items()}
        fields = {
            "Message": envelope.message,
            "MessageId": envelope.message_id,
            "TopicArn": envelope.topic,
            "Timestamp": iso(envelope.sent_at),
            "Subject": envelope.subject,
            "MessageAttributes": attributes,
        }
        return self.redacted(notifications, json_text.compact(fields).encode("utf-8", "surrogatepass"))[0]

    def message(self, body: bytes) -> bytes:
        """An SNS message as it may be kept, the same object where nothing of it is named. Raises ValueError."""
        fields = json_text.parse(body)
        walk = _Walk(self)
        try:
            message = rewritten(fields["Message"], walk.change)
        except RecursionError:
            raise ValueError("the message is nested too deep for [privacy]") from None
        count = walk.count + sum(_around(fields, each) for each in walk.seen)
        if not count:
            return body
        kept = {name: value for name, value in fields.items() if name not in _PROOFS}
        return json_text.compact({**kept, "Message": message}).encode("utf-8", "surrogatepass")

    def result(self, body: bytes, handler: str) -> bytes:
        """A handler's answer as it may be kept for the next one; what is not JSON has no fields and stays."""
        return self._answer(body, handler, body)

    def response(self, body: bytes, handler: str) -> bytes:
        """A handler's answer as it may be kept with its attempt. It may be cut off: what cannot be read is not kept."""
        return self._answer(body, handler, UNREADABLE_ANSWER if body else body)

    def _answer(self, body: bytes, handler: str, otherwise: bytes) -> bytes:
        fields = self._results.get(handler)
        if not fields:
            return body
        try:
            value = json_text.parse(body)
        except ValueError:
            return otherwise
        try:
            return json_text.compact(value).encode() if _apply(value, fields) else body
        except (ValueError, RecursionError):
            return UNREADABLE_ANSWER


class _Walk:
    """Goes through the notifications in one SNS message."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self.seen: list[Fields] = []
        self.count = 0

    def change(self, body: Any) -> Any:
        """The body of one notification without what is not to be kept."""
        fields = self._redaction.fields_of(type_of(body))
        self.seen.append(fields)
        holder = {"message": body}
        self.count += _apply(holder, _in_message(fields))
        return holder.get("message", "")


def _in_message(fields: Fields) -> Fields:
    """Paths from the document as paths from an object that has the notification's body as its `message`."""

    def placed(paths: tuple[FieldPath, ...]) -> tuple[FieldPath, ...]:
        payloads = tuple(path.below("message") for path in paths if path.steps[0] == "payload")
        return payloads + tuple(path for path in paths if path.steps[0] == "message")

    return Fields(placed(fields.drop), placed(fields.mask))


def _around(message: dict[str, Any], fields: Fields) -> int:
    """Take subject and attributes out of an SNS message; how many."""
    count = 0
    for path in fields.drop:
        if path.steps[0] == "subject" and message.pop("Subject", None) is not None:
            count += 1
        elif path.steps[0] == "attributes":
            count += drop(message, FieldPath(path.source, (_ATTRIBUTES, *path.steps[1:2])))
    for path in fields.mask:
        if path.steps[0] == "subject" and message.get("Subject") not in (None, MASK):
            message["Subject"] = MASK
            count += 1
        elif path.steps[0] == "attributes":
            name = path.steps[1:2] or ("*",)
            count += mask(message, FieldPath(path.source, (_ATTRIBUTES, *name, "Value")))
    return count


def _apply(value: Any, fields: Fields) -> int:
    return sum(drop(value, path) for path in fields.drop) + sum(mask(value, path) for path in fields.mask)
