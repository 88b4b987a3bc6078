"""Both stores behind one fixture, and short ways to make what goes into them."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import pytest

from receiver.inbox import Claim, Entry, Inbox, MemoryInbox, Result, Route, SqliteInbox, State
from receiver.notification import Envelope, Notification

TOPIC = "arn:aws:sns:us-east-1:123456789012:sp-api"


def _entry(
    name: str,
    *routes: Route,
    event_time: float = 100.0,
    at: float = 1000.0,
    type_: str = "ORDER_CHANGE",
    seller: str = "A3SELLER",
    body: bytes | None = None,
) -> Entry:
    envelope = Envelope(message="{}", message_id=f"message-{name}", topic=TOPIC, sent_at=event_time)
    notification = Notification(
        dedup_key=f"n:{name}",
        part=0,
        type=type_,
        version="1.0",
        notification_id=name,
        seller_id=seller,
        marketplace_id="ATVPDKIKX0DER",
        event_time=event_time,
        envelope=envelope,
        document={},
    )
    received = body if body is not None else orjson.dumps({"MessageId": f"message-{name}"})
    return Entry(notification, routes, received, received_at=at)


def _result(claim: Claim, state: State = State.DONE, at: float = 2000.0, **fields: object) -> Result:
    return Result(claim.id, claim.run, state, started_at=at - 1.0, ended_at=at, **fields)  # type: ignore[arg-type]


@pytest.fixture
def entry() -> Callable[..., Entry]:
    return _entry


@pytest.fixture
def result() -> Callable[..., Result]:
    return _result


@pytest.fixture
def route() -> Callable[..., Route]:
    def build(handler: str = "erp", rule: str = "orders", **fields: object) -> Route:
        return Route(rule, handler, **fields)  # type: ignore[arg-type]

    return build


@pytest.fixture(params=["sqlite", "memory"])
async def inbox(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Inbox]:
    store: Inbox = await SqliteInbox.open(tmp_path / "inbox.db") if request.param == "sqlite" else MemoryInbox()
    yield store
    await store.close()


@pytest.fixture
async def states(inbox: Inbox) -> Callable[..., object]:
    async def of(*ids: int) -> list[State]:
        rows = [await inbox.delivery(id_) for id_ in ids]
        return [row.state for row in rows if row is not None]

    return of
