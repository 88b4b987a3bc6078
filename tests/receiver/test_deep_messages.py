"""Messages nested deeper than orjson writes: SNS signs them, so they are taken, and forwarded or dead at once."""

import asyncio
import json
from typing import Any

import pytest

from receiver.inbox import DeliveryFilter, DeliveryRow, State
from receiver.simulators.sink import Sink
from receiver.simulators.sns import SimulatedSns

BODIES = ["notification", "message", "event", "{payload}"]
KINDS = ["[]", '{"a":}']


def nested(depth: int, kind: str) -> str:
    opening, closing = kind[:-1], kind[-1]
    return f'{{"NotificationType":"DEEP","Payload":{{"deep":{opening * depth}7{closing * depth}}}}}'


async def ended(router: Any) -> DeliveryRow:
    async with asyncio.timeout(10):
        while not (found := await router.inbox.deliveries(DeliveryFilter(states=(State.DONE, State.DEAD)))):
            await asyncio.sleep(0.01)
    (row,) = found
    return row


@pytest.fixture(params=BODIES)
async def router(request: pytest.FixtureRequest, start_router: Any, write_rules: Any, forward_to: Any) -> Any:
    handler = forward_to("erp", f'body = "{request.param}"')
    return await start_router(write_rules(handler + '[[rules]]\nname = "all"\nhandlers = ["erp"]\n'))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [250, 300, 900])
async def test_what_is_nested_deep_is_forwarded(
    router: Any, sns: SimulatedSns, sink: Sink, depth: int, kind: str
) -> None:
    assert (await sns.publish(router.url, nested(depth, kind))).status == 200
    assert (await ended(router)).state is State.DONE
    assert (
        json.dumps(json.loads(nested(depth, kind))["Payload"], separators=(",", ":")).encode() in sink.arrivals[0].body
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_what_nobody_can_write_is_dead_at_once(router: Any, sns: SimulatedSns, sink: Sink, kind: str) -> None:
    assert (await sns.publish(router.url, nested(1021, kind))).status == 200
    row = await ended(router)
    assert (row.state, row.reason, row.attempts) == (State.DEAD, "the value is nested too deep to be written", 1)
    assert not sink.arrivals
