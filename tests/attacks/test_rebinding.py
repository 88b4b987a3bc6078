"""A destination whose name turns private after the rules file was read: the address of each connection counts."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from receiver.inbox.listing import DeliveryFilter, DeliveryRow, State
from receiver.simulators.sink import Sink
from receiver.simulators.sns import SimulatedSns
from tests.faults.scene import until

RULES = """
[handlers.erp]
type = "forward"
url = "http://erp.example.com:{port}/hook"
retry = {{ attempts = 1 }}
[[rules]]
name = "all"
handlers = ["erp"]
"""
ADDRESSES = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a name resolve to an address, as whoever rules its zone can at any time."""
    real = socket.getaddrinfo

    def turn_to(address: str) -> None:
        def answer(host: Any, port: Any, *others: Any, **options: Any) -> Any:
            return real(address if host == "erp.example.com" else host, port, *others, **options)

        monkeypatch.setattr(socket, "getaddrinfo", answer)

    return turn_to


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_name_that_turns_private_is_not_connected_to(
    start_router: Any, write_rules: Any, sns: SimulatedSns, sink: Sink, turn: Callable[[str], None], address: str
) -> None:
    port = sink.url.rstrip("/").rsplit(":", 1)[1]
    router = await start_router(write_rules(RULES.format(port=port)))
    turn(address)
    answer = await sns.publish(router.url, {"NotificationType": "X"})
    assert answer.status == 200

    async def dead() -> list[DeliveryRow]:
        found = await router.inbox.deliveries(DeliveryFilter())
        return [each for each in found if each.state is State.DEAD]

    async def is_dead() -> bool:
        return bool(await dead())

    await until(is_dead, within=60.0)
    (delivery,) = await dead()
    assert "allow_private" in delivery.reason
    assert sink.attempts == 0
