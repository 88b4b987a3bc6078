import pytest
from aiohttp import web

from receiver.simulators.errors import SimulationError
from receiver.simulators.listener import Listener, parse_address


def test_addresses() -> None:
    assert parse_address("127.0.0.1:0") == ("127.0.0.1", 0)
    assert parse_address("[::1]:8080") == ("::1", 8080)
    assert parse_address("localhost:65535") == ("localhost", 65535)


@pytest.mark.parametrize(
    "text", ["", "8080", ":8080", "localhost", "::1:80", "localhost:65536", "a b:1", "h:1\n", "h:-1"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(SimulationError, match="write HOST:PORT"):
        parse_address(text)


async def test_a_name_that_is_nowhere() -> None:
    with pytest.raises(SimulationError, match=r"cannot listen on 198\.51\.100\.1:0"):
        async with Listener(web.Application(), "198.51.100.1:0"):
            pass


async def test_it_says_where_it_listens() -> None:
    async with Listener(web.Application()) as listener:
        host, port = parse_address(listener.url.removeprefix("http://").rstrip("/"))
    assert host == "127.0.0.1"
    assert port > 0
