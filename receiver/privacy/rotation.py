"""Bringing what is kept to what `[privacy]` says now: sealed with the current key, its named fields gone.

Goes through the tables in small steps beside a running daemon, and can be ended and begun again at any time: each row
is changed alone, and only if nobody has changed it meanwhile.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from receiver.inbox.identifiers import fold, stored_identifiers
from receiver.inbox.identity import webhook_id
from receiver.inbox.sqlite import SqliteInbox
from receiver.inbox.transaction import Transaction
from receiver.notification import read, stored_envelope
from receiver.privacy.protection import ANSWER, BODY, REASON, Protection, delivery_name, name_of, result_place
from receiver.privacy.seal import Unopened, is_sealed, sealed_with, text_sealed_with

_STEP = 100

_BODIES = (
    "SELECT bodies.notification_id, bodies.body, bodies.part, notifications.dedup_key FROM bodies "
    "JOIN notifications ON notifications.id = bodies.notification_id WHERE bodies.notification_id > ? "
    "ORDER BY bodies.notification_id LIMIT ?"
)
_DELIVERIES = (
    "SELECT deliveries.id, deliveries.body, deliveries.reason, deliveries.webhook, notifications.dedup_key, "
    "(SELECT parent.handler FROM deliveries AS parent WHERE parent.id = deliveries.parent_id) FROM deliveries "
    "JOIN notifications ON notifications.id = deliveries.notification_id WHERE deliveries.id > ? "
    "ORDER BY deliveries.id LIMIT ?"
)
_ATTEMPTS = (
    "SELECT attempts.delivery_id, attempts.run, attempts.response, attempts.detail, deliveries.handler FROM attempts "
    "JOIN deliveries ON deliveries.id = attempts.delivery_id WHERE (attempts.delivery_id, attempts.run) > (?, ?) "
    "ORDER BY attempts.delivery_id, attempts.run LIMIT ?"
)
_SET_BODY = "UPDATE bodies SET body = ? WHERE notification_id = ? AND body = ?"
_SET_RESULT = "UPDATE deliveries SET body = ? WHERE id = ? AND body = ?"
_SET_REASON = "UPDATE deliveries SET reason = ? WHERE id = ? AND reason = ?"
_SET_RESPONSE = "UPDATE attempts SET response = ? WHERE delivery_id = ? AND run = ? AND response = ?"
_SET_DETAIL = "UPDATE attempts SET detail = ? WHERE delivery_id = ? AND run = ? AND detail = ?"
_FORGET_IDENTIFIERS = "DELETE FROM entities WHERE notification_id = ?"
_ADD_IDENTIFIER = "INSERT OR IGNORE INTO entities (value, notification_id) VALUES (?, ?)"

Change = tuple[str, tuple[Any, ...]]


@dataclass(slots=True)
class Rotated:
    """What a rotation did."""

    looked: int = 0
    changed: int = 0
    unopened: int = 0
    """Values that did not open, left as they are."""
    examples: list[str] = field(default_factory=list)
    """Why the first of them did not."""


class Rotation:
    """Goes through an inbox that is opened plainly."""

    def __init__(self, inbox: SqliteInbox, protection: Protection, into: Protection | None = None) -> None:
        """`protection` names all keys; `into` is how all is to be kept, where that is another."""
        self._inbox = inbox
        self._from = protection
        self._into = into or protection
        self.done = Rotated()

    async def run(self, say: Callable[[int], None] = lambda _looked: None) -> Rotated:
        """All of it; `say` hears how many rows were looked at. Raises Unavailable where the inbox cannot be written."""
        for text, width, change in (
            (_BODIES, 1, self._bodies),
            (_DELIVERIES, 1, self._deliveries),
            (_ATTEMPTS, 2, self._attempts),
        ):
            after: tuple[Any, ...] = (-1,) * width
            while rows := await self._inbox.rows(text, (*after, _STEP)):
                changes = [each for row in rows for each in change(row)]
                self.done.changed += sum(await self._write(changes))
                self.done.looked += len(rows)
                after = tuple(rows[-1][:width])
                say(self.done.looked)
        return self.done

    async def _write(self, changes: list[Change]) -> Sequence[int]:
        return await self._inbox.write(_apply, changes) if changes else []

    def _bodies(self, row: Any) -> Iterator[Change]:
        id_, old, part, dedup_key = row
        name = name_of(dedup_key)
        body = self._opened(old, BODY, name)
        if body is None:
            return
        kept = self._redacted(body)
        if kept != body or self._stale(old):
            yield _SET_BODY, (self._sealed(kept, name, BODY), id_, old)
        if kept != body:
            yield _FORGET_IDENTIFIERS, (id_,)
            for value in {fold(each.value) for each in stored_identifiers(kept, part)}:
                yield _ADD_IDENTIFIER, (value, id_)

    def _deliveries(self, row: Any) -> Iterator[Change]:
        id_, old, reason, webhook, dedup_key, parent = row
        place = result_place(webhook_id(webhook))
        body = None if old is None else self._opened(old, place, None)
        if body is not None:
            redaction = self._into.redaction
            kept = redaction.result(body, parent or "") if redaction else body
            if kept != body or self._stale(old):
                yield _SET_RESULT, (self._sealed(kept, name_of(dedup_key), place), id_, old)
        yield from self._texts(reason, id_, _SET_REASON, (id_,))

    def _attempts(self, row: Any) -> Iterator[Change]:
        delivery, run, old, detail, handler = row
        name = delivery_name(delivery)
        response = self._opened(old, ANSWER, name)
        if response:
            redaction = self._into.redaction
            kept = redaction.response(response, handler) if redaction else response
            if kept != response or self._stale(old):
                yield _SET_RESPONSE, (self._sealed(kept, name, ANSWER), delivery, run, old)
        yield from self._texts(detail, delivery, _SET_DETAIL, (delivery, run))

    def _texts(self, old: str, delivery: int, statement: str, key: tuple[int, ...]) -> Iterator[Change]:
        """The change of a reason, which the inbox itself writes too: those stay as they are."""
        seal, name = self._into.seal, delivery_name(delivery)
        try:
            text = self._from.seal.open_text(old, REASON) if self._from.seal else old
        except Unopened as error:
            self._note(error)
            return
        if text_sealed_with(old) != (seal.key if seal else None) and text:
            yield statement, (seal.seal_text(text, name, REASON) if seal else text, *key, old)

    def _opened(self, value: bytes, place: str, name: str | None) -> bytes | None:
        try:
            return self._from.seal.open(value, place, name).value if self._from.seal else value
        except Unopened as error:
            self._note(error)
            return None

    def _redacted(self, body: bytes) -> bytes:
        if self._into.redaction is None:
            return body
        try:
            return self._into.redaction.redacted(read(stored_envelope(body)), body)[1]
        except (ValueError, LookupError, TypeError, AttributeError):
            return body

    def _stale(self, value: bytes) -> bool:
        """Whether a value is not sealed as it is to be."""
        key = self._into.seal.key if self._into.seal else None
        return (sealed_with(value) if is_sealed(value) else None) != key

    def _sealed(self, value: bytes, name: str, place: str) -> bytes:
        return self._into.seal.seal(value, name, place) if self._into.seal else value

    def _note(self, error: Unopened) -> None:
        self.done.unopened += 1
        if str(error) not in self.done.examples and len(self.done.examples) < 3:
            self.done.examples.append(str(error))


def _apply(transaction: Transaction, calls: list[list[Change]]) -> list[list[int]]:
    return [[_applied(transaction, *change) for change in changes] for changes in calls]


def _applied(transaction: Transaction, statement: str, values: tuple[Any, ...]) -> int:
    """How many values were changed; the index of identifiers follows them and does not count."""
    count = transaction.execute(statement, values).rowcount
    return count if statement.startswith("UPDATE") else 0
