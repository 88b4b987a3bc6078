"""The index of identifiers: which notifications name an order, an ASIN, a SKU, a seller. Filled after arrival.

Apart from the notifications, so that taking pushes in costs nothing for it. `INDEXED` in the notes is the id up to
which all is in it; what came later is looked through by a search (`receiver.inbox.search`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from receiver.inbox.statements import SAVE_NOTE
from receiver.inbox.transaction import Transaction
from receiver.inbox.values import ManyRows

ENTITIES = """
CREATE TABLE entities (
    value TEXT NOT NULL,
    notification_id INTEGER NOT NULL,
    PRIMARY KEY (value, notification_id)
) WITHOUT ROWID;
CREATE INDEX entities_notification ON entities (notification_id);
"""

INDEXED = "index"
"""The note with the id of the last notification that is indexed."""
UNINDEXED = (
    "SELECT notifications.id, part, body FROM notifications JOIN bodies ON bodies.notification_id = notifications.id "
    "WHERE notifications.id > ? ORDER BY notifications.id LIMIT ?"
)
_THERE = "SELECT id FROM notifications WHERE id > ? AND id <= ?"
_ADD = ManyRows("INSERT OR IGNORE INTO entities (value, notification_id) ", 2)


@dataclass(frozen=True, slots=True)
class Indexed:
    """The identifiers of all notifications with ids above `after`, up to `upto`."""

    after: int
    upto: int
    values: Sequence[tuple[str, int]]
    """Folded identifiers with the notification of each."""


def add_entities(transaction: Transaction, calls: list[Indexed]) -> list[None]:
    """Take identifiers into the index. Those of notifications that were deleted meanwhile are left out."""
    for call in calls:
        there = {id_ for (id_,) in transaction.rows(_THERE, (call.after, call.upto))}
        _ADD.run(transaction.connection, [pair for pair in call.values if pair[1] in there])
        transaction.execute(SAVE_NOTE, (INDEXED, b"%d" % call.upto))
    return [None] * len(calls)


def indexed_upto(note: bytes | None) -> int:
    """The id that the note says, 0 where there is none or it is not one."""
    return int(note) if note and note.isdigit() else 0
