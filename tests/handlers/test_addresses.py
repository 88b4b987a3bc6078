import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from handlers import addresses
from handlers.addresses import AddressRefused, public_socket, refusal, refusal_of_host
from handlers.base import Delivery, Done, Retry

Deliver = Callable[..., Delivery]


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255"],
)
def test_public_addresses_pass(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize(
    "address", ["2606:4700::1111", "2a00:1450::8a", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_public_ipv6_addresses_pass(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("0.0.0.0", "unspecified"),
        ("10.1.2.3", "private"),
        ("100.64.0.1", "CGNAT"),
        ("100.100.100.200", "CGNAT"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("168.63.129.16", "metadata"),
        ("169.254.169.254", "link-local, where clouds have their metadata"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.192", "reserved"),
        ("192.168.1.1", "private"),
        ("198.19.0.1", "benchmarks"),
        ("203.0.113.9", "documentation"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::7f00:1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "link-local"),
        ("64:ff9b::a00:1", "private"),
        ("64:ff9b:1::1", "private (NAT64)"),
        ("100::1", "reserved"),
        ("2001::1", "reserved for protocols"),
        ("2001:db8::1", "documentation"),
        ("2002:a00:1::1", "private"),
        ("fc00::1", "unique local"),
        ("fd00:ec2::254", "unique local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "reserved"),
        ("ff02::1", "multicast"),
    ],
)
def test_other_addresses_do_not(address: str, why: str) -> None:
    assert why in (refusal(address) or "")


@given(st.ip_addresses())
def test_nothing_passes_that_the_standard_library_calls_private(address: IPv4Address | IPv6Address) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        embedded = isinstance(address, IPv6Address) and (address.ipv4_mapped or address.sixtofour)
        assert embedded or refusal(str(address))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_dress_is_judged_as_itself(address: IPv4Address) -> None:
    for prefix in (0xFFFF << 32, 0x64_FF9B << 96):
        assert refusal(str(IPv6Address(prefix | int(address)))) == refusal(str(address))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "erp.localhost", "127.0.0.1", "::1"])
def test_hosts_known_without_dns(host: str) -> None:
    assert refusal_of_host(host)


@pytest.mark.parametrize("host", ["erp.example.com", "localhost.example.com", "1.1.1.1", "0x7f.1"])
def test_hosts_that_only_dns_knows(host: str) -> None:
    assert refusal_of_host(host) is None


def test_a_socket_is_opened_for_a_public_address_only() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    public_socket((*info, ("1.1.1.1", 443))).close()
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1 is private: set allow_private = true"):
        public_socket((*info, ("10.0.0.1", 443)))


class Names(AbstractResolver):
    """Resolves every name to the addresses of the moment."""

    def __init__(self, *found: str) -> None:
        self.found = found

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
            for address in self.found
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
def half_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 127.0.0.2 stand for a public address, so that a test can connect to one."""
    monkeypatch.setattr(addresses, "_V4", {IPv4Network("127.0.0.1/32"): "loopback"})


async def test_a_name_of_a_private_address_is_not_connected_to(sink: Any, make: Any, delivery: Deliver) -> None:
    url = sink.url(host="erp.example.com")
    handler = await make("forward", {"resolver": Names("127.0.0.1")}, url=url)
    outcome = await handler.handle(delivery())
    assert outcome == Retry(
        "erp.example.com is not connected to: 127.0.0.1 is loopback: "
        "set allow_private = true if the destination shall be there"
    )
    assert sink.arrivals == []
    allowed = await make("forward", {"resolver": Names("127.0.0.1")}, url=url, allow_private=True)
    assert isinstance(await allowed.handle(delivery()), Done)


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f000001", "127.1", "017700000001"])
async def test_an_address_in_odd_spelling_is_found_out(sink: Any, make: Any, delivery: Deliver, spelling: str) -> None:
    handler = await make("forward", url=sink.url(host=spelling))
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert sink.arrivals == []


@pytest.mark.usefixtures("half_public")
async def test_a_name_that_turns_private_is_found_out(make: Any, delivery: Deliver, serve: Any) -> None:
    sink = await serve(address="127.0.0.2")
    other = await serve(address="127.0.0.1", port=sink.port)
    sink.answer = closing
    names = Names("127.0.0.2")
    handler = await make("forward", {"resolver": names}, url=sink.url(host="erp.example.com"))
    assert isinstance(await handler.handle(delivery()), Done)
    names.found = ("127.0.0.1",)
    handler._session.connector.clear_dns_cache()
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert "127.0.0.1 is loopback" in outcome.reason
    assert (len(sink.arrivals), other.arrivals) == (1, [])


@pytest.mark.usefixtures("half_public")
async def test_a_private_address_behind_a_dead_public_one_is_found_out(sink: Any, make: Any, delivery: Deliver) -> None:
    names = Names("127.0.0.2", "127.0.0.1")
    handler = await make("forward", {"resolver": names}, url=sink.url(host="erp.example.com"))
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert "127.0.0.1 is loopback" in outcome.reason
    assert sink.arrivals == []


async def closing(_request: web.Request) -> web.Response:
    response = web.Response()
    response.force_close()
    return response
