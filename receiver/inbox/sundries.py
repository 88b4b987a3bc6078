"""Small things the inbox keeps beside deliveries, and what it asks of SQLite itself."""

from receiver.inbox.listing import Subscription
from receiver.inbox.statements import DROP_NOTE, SAVE_NOTE, SAVE_SUBSCRIPTION
from receiver.inbox.transaction import Transaction


def save_subscriptions(transaction: Transaction, subscriptions: list[Subscription]) -> list[None]:
    """Keep subscriptions, one for a topic: the last word of each."""
    for subscription in subscriptions:
        values = (subscription.topic, subscription.arn, subscription.state, subscription.changed_at)
        transaction.execute(SAVE_SUBSCRIPTION, (*values, subscription.detail))
    return [None] * len(subscriptions)


def save_notes(transaction: Transaction, notes: list[tuple[str, bytes]]) -> list[None]:
    """Keep named values; an empty one removes its name."""
    for name, value in notes:
        if value:
            transaction.execute(SAVE_NOTE, (name, value))
        else:
            transaction.execute(DROP_NOTE, (name,))
    return [None] * len(notes)


def data_version(transaction: Transaction, calls: list[None]) -> list[int]:
    """A number that changes when another connection has changed the database since."""
    version: int = transaction.rows("PRAGMA data_version")[0][0]
    return [version] * len(calls)
