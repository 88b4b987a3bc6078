"""An inbox whose contents are redacted and encrypted on the way in, and decrypted on the way out."""

import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace

from receiver.events import log
from receiver.inbox.listing import AttemptRow, DeliveryFilter, DeliveryRow, NotificationFilter, NotificationRow
from receiver.inbox.sqlite import SqliteInbox
from receiver.inbox.store import Accepted, Claim, Entry, Finished, Result
from receiver.privacy.protection import ANSWER, BODY, REASON, Origin, Protection, delivery_name, name_of, result_place
from receiver.privacy.seal import Seal, Unopened

_logger = logging.getLogger(__name__)
_UNKNOWN = Origin("", "", "")
_MOST_ORIGINS = 100_000
"""Runs that were cancelled bring no result, and would stay for ever."""
_UNREAD = "(cannot be decrypted: {})"


class Shared:
    """What `[privacy]` asks for now: one object for all who read and write the same inbox."""

    def __init__(self, protection: Protection) -> None:
        self.protection = protection


class ProtectedInbox(SqliteInbox):
    """A SqliteInbox under `[privacy]`. What cannot be opened is said in its place and stops nothing else."""

    _shared: Shared
    _origins: dict[int, Origin]
    """By delivery: those that are handed out."""

    @classmethod
    def around(cls, inbox: SqliteInbox, shared: Shared) -> "ProtectedInbox":
        """Take an open inbox over: it is to be used, and closed, through the one that is returned."""
        made = cls(inbox.path, inbox._queries, inbox._writer, inbox._lock)
        made._inherits, made._version = inbox._inherits, inbox._version
        made._shared = shared
        made._origins = {}
        return made

    @property
    def protection(self) -> Protection:
        """What is asked for now."""
        return self._shared.protection

    def take_in(self, protection: Protection) -> None:
        """Protect so from now on, here and in all inboxes that were opened `alike`."""
        self._shared.protection = protection

    def alike(self, other: SqliteInbox) -> "ProtectedInbox":
        """Another opening of the same file, read as this one is."""
        return ProtectedInbox.around(other, self._shared)

    def reveal(self, body: bytes) -> bytes:
        """A message as it was before it was encrypted, as it is kept where it does not open."""
        seal = self.protection.seal
        try:
            return body if seal is None else seal.open(body, BODY).value
        except Unopened:
            return body

    async def accept(self, entries: Sequence[Entry]) -> list[Accepted]:
        """Keep notifications of the daemon's own; those of pushes are protected where they are judged."""
        protection = self.protection
        kept = await super().accept([protection.sealed(entry) for entry in entries])
        return [each._replace(dead=protection.told(each.dead)) for each in kept]

    async def claim(self, handler: str, limit: int, now: float, lease: float) -> list[Claim]:
        """Hand out deliveries, opened. One that does not open is handed out without its message, and ends so."""
        return await self._all_opened(super().claim(handler, limit, now, lease))

    def claim_fresh(self, limits: Mapping[str, int], now: float, lease: float) -> Awaitable[list[Claim]]:
        """As `claim`; asked at once, opened when it is awaited."""
        return self._all_opened(super().claim_fresh(limits, now, lease))

    async def finish(self, results: Sequence[Result]) -> Finished:
        """Record results, redacted and encrypted."""
        kept = [self.protection.finished(each, self._origins.get(each.delivery_id, _UNKNOWN)) for each in results]
        finished = await super().finish(kept)
        for each in results:
            self._origins.pop(each.delivery_id, None)
        return finished

    async def notification(self, id: int) -> NotificationRow | None:  # noqa: A002 - the contract's name
        row = await super().notification(id)
        return None if row is None else self._notification(row)

    async def notifications(self, which: NotificationFilter) -> list[NotificationRow]:
        return [self._notification(row) for row in await super().notifications(which)]

    async def delivery(self, id: int) -> DeliveryRow | None:  # noqa: A002 - the contract's name
        row = await super().delivery(id)
        return None if row is None else self._delivery(row)

    async def deliveries(self, which: DeliveryFilter) -> list[DeliveryRow]:
        return [self._delivery(row) for row in await super().deliveries(which)]

    async def attempts(self, delivery_id: int) -> list[AttemptRow]:
        return [self._attempt(row) for row in await super().attempts(delivery_id)]

    async def _all_opened(self, claims: Awaitable[list[Claim]]) -> list[Claim]:
        return [self._opened(claim) for claim in await claims]

    def _opened(self, claim: Claim) -> Claim:
        try:
            opened, origin = self.protection.opened(claim)
        except Unopened as error:
            log(_logger, logging.ERROR, "kept_data_unreadable", notification=claim.notification_id, reason=str(error))
            opened = claim._replace(notification_body=b"", body=None, document=None)
            origin = Origin(claim.handler, "", "")
        self._origins[claim.id] = origin
        if len(self._origins) > _MOST_ORIGINS:
            del self._origins[next(iter(self._origins))]
        return opened

    def _notification(self, row: NotificationRow) -> NotificationRow:
        seal = self.protection.seal
        return row if seal is None else replace(row, body=_bytes(seal, row.body, BODY, name_of(row.dedup_key)))

    def _delivery(self, row: DeliveryRow) -> DeliveryRow:
        seal = self.protection.seal
        if seal is None:
            return row
        body = None if row.body is None else _bytes(seal, row.body, result_place(row.webhook_id), None)
        return replace(row, body=body, reason=_text(seal, row.reason, None))

    def _attempt(self, row: AttemptRow) -> AttemptRow:
        seal = self.protection.seal
        if seal is None:
            return row
        name = delivery_name(row.delivery_id)
        response = _bytes(seal, row.response, ANSWER, name)
        return replace(row, response=response, detail=_text(seal, row.detail, name))


def _bytes(seal: Seal, value: bytes, place: str, name: str | None) -> bytes:
    try:
        return seal.open(value, place, name).value
    except Unopened as error:
        return _UNREAD.format(error).encode()


def _text(seal: Seal, text: str, name: str | None) -> str:
    try:
        return seal.open_text(text, REASON, name)
    except Unopened as error:
        return _UNREAD.format(error)
