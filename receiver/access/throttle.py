"""How often an address may be wrong about the token."""

import ipaddress
from collections.abc import Callable

_MOST_ADDRESSES = 10_000
_V6_NETWORK = 64


class Throttle:
    """A leaky bucket of failures for each address: `burst` at once, then one every `period` seconds."""

    def __init__(self, burst: int, period: float, clock: Callable[[], float]) -> None:
        self._burst = burst
        self._period = period
        self._clock = clock
        self._empty_at: dict[str, float] = {}

    def wait(self, address: str) -> float:
        """Seconds until another attempt is looked at, 0 for now."""
        empty_at = self._empty_at.get(_network(address), 0.0)
        return max(0.0, empty_at - self._clock() - (self._burst - 1) * self._period)

    def failed(self, address: str) -> None:
        """Count a failure."""
        now = self._clock()
        if len(self._empty_at) >= _MOST_ADDRESSES:
            self._forget(now)
        name = _network(address)
        self._empty_at[name] = max(self._empty_at.get(name, 0.0), now) + self._period

    def _forget(self, now: float) -> None:
        """Forget those who may try again as if nothing had been, else half of all: memory stays bounded."""
        self._empty_at = {name: at for name, at in self._empty_at.items() if at > now}
        if len(self._empty_at) >= _MOST_ADDRESSES:
            latest = sorted(self._empty_at.items(), key=lambda item: item[1])[_MOST_ADDRESSES // 2 :]
            self._empty_at = dict(latest)


def _network(address: str) -> str:
    """What one sender can have many addresses of: an IPv6 /64 (RFC 6177); else the address itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, _V6_NETWORK), strict=False)) if parsed.version == 6 else address
