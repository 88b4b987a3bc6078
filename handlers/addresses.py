"""Which IP addresses a request may go to: public ones, so that the rules file cannot reach into a private network.

The check is made on the address of each connection at the moment it is opened, so a name that resolves to a public
address first and to a private one later does not pass. Source: the IANA special-purpose address registries
(RFC 6890 and its updates).
"""

import errno
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

_V4 = {
    IPv4Network("0.0.0.0/8"): "unspecified",
    IPv4Network("10.0.0.0/8"): "private",
    IPv4Network("100.64.0.0/10"): "shared by a carrier (CGNAT)",
    IPv4Network("127.0.0.0/8"): "loopback",
    IPv4Network("168.63.129.16/32"): "the metadata service of a cloud",
    IPv4Network("169.254.0.0/16"): "link-local, where clouds have their metadata service",
    IPv4Network("172.16.0.0/12"): "private",
    IPv4Network("192.0.0.0/24"): "reserved for protocols",
    IPv4Network("192.0.2.0/24"): "for documentation",
    IPv4Network("192.88.99.0/24"): "reserved for 6to4",
    IPv4Network("192.168.0.0/16"): "private",
    IPv4Network("198.18.0.0/15"): "for benchmarks",
    IPv4Network("198.51.100.0/24"): "for documentation",
    IPv4Network("203.0.113.0/24"): "for documentation",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): "reserved",
}
_V6 = {
    IPv6Network("::/128"): "unspecified",
    IPv6Network("::1/128"): "loopback",
    IPv6Network("64:ff9b:1::/48"): "private (NAT64)",
    IPv6Network("2001::/23"): "reserved for protocols",
    IPv6Network("2001:db8::/32"): "for documentation",
    IPv6Network("3fff::/20"): "for documentation",
    IPv6Network("fc00::/7"): "private (unique local)",
    IPv6Network("fe80::/10"): "link-local",
    IPv6Network("ff00::/8"): "multicast",
}
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""One answer of `socket.getaddrinfo`."""


class AddressRefused(OSError):
    """A connection to an address that is not public."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            errno.EACCES, f"{address} is {why}: set allow_private = true if the destination shall be there"
        )


def refusal(address: str) -> str | None:
    """Why an IP address is not a public one, in words, or None where it is. Raises ValueError for no IP address."""
    parsed = ip_address(address.partition("%")[0])
    return _refusal_v4(parsed) if isinstance(parsed, IPv4Address) else _refusal_v6(parsed)


def refusal_of_host(host: str) -> str | None:
    """As `refusal`, for what can be known of a host without asking the DNS: literal addresses and `localhost`."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return "loopback"
    try:
        return refusal(host)
    except ValueError:
        return None


def public_socket(info: AddressInfo) -> socket.socket:
    """A socket for a connection to a public address, for `aiohttp.TCPConnector`. Raises AddressRefused."""
    family, kind, protocol, _, address = info
    if why := refusal(address[0]):
        raise AddressRefused(address[0], why)
    return socket.socket(family, kind, protocol)


def _refusal_v4(address: IPv4Address) -> str | None:
    return next((why for network, why in _V4.items() if address in network), None)


def _refusal_v6(address: IPv6Address) -> str | None:
    if embedded := _embedded(address):
        return _refusal_v4(embedded)
    named = next((why for network, why in _V6.items() if address in network), None)
    return named or (None if address in _GLOBAL_UNICAST else "reserved")


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets really go to: mapped (RFC 4291), NAT64 (RFC 6052) or 6to4 (RFC 3056)."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
