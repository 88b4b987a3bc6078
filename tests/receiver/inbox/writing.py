"""Accepts notifications as fast as it can and prints each once it is acknowledged, until it is killed."""

import asyncio
import sys

from receiver.inbox import Entry, Route, SqliteInbox, State
from receiver.inbox.store import Result
from receiver.notification import Envelope, Notification


def _entry(name: str) -> Entry:
    envelope = Envelope(message="{}", message_id=name, topic="t", sent_at=1.0)
    notification = Notification(f"n:{name}", 0, "ORDER_CHANGE", "1", name, "s", "m", 1.0, envelope, {})
    return Entry(notification, (Route("orders", "erp"), Route("keyed", "order", key="k")), name.encode() * 300, 1.0)


async def _sender(inbox: SqliteInbox, sender: int) -> None:
    for number in range(1_000_000):
        (accepted,) = await inbox.accept([_entry(f"{sender}-{number}")])
        sys.stdout.write(f"accepted {sender}-{number} {accepted.id}\n")
        sys.stdout.flush()


async def _worker(inbox: SqliteInbox, handler: str) -> None:
    for _ in range(1_000_000):
        claims = await inbox.claim(handler, 10, 2.0, 60.0)
        results = [Result(claim.id, claim.run, State.DONE, 2.0, 3.0) for claim in claims]
        await inbox.finish(results)
        for claim in claims:
            sys.stdout.write(f"done {claim.id}\n")
        sys.stdout.flush()


async def main() -> None:
    inbox = await SqliteInbox.open(sys.argv[1])
    senders = [_sender(inbox, sender) for sender in range(16)]
    await asyncio.gather(*senders, _worker(inbox, "erp"), _worker(inbox, "order"))


asyncio.run(main())
