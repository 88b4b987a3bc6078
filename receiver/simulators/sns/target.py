"""The endpoint that a simulation pushes to."""

import ipaddress
import re

from yarl import URL

from receiver.simulators.errors import SimulationError

_CREDENTIALS = re.compile(r"//[^/]*@")


def check_target(text: str, *, allow_remote: bool) -> str:
    """The endpoint's URL, if it can be one and may be used. Raises SimulationError.

    Only this machine may be pushed to unless `allow_remote`: load on somebody else's host must be meant.
    """
    try:
        url = URL(text)
        usable = url.scheme in {"http", "https"} and bool(url.host) and url.port is not None
    except ValueError:
        usable = False
    if not usable:
        hidden = _CREDENTIALS.sub("//***@", text)
        raise SimulationError(f"{hidden!r} is not an endpoint: write its whole URL, like http://127.0.0.1:8080/sns")
    if not allow_remote and not _is_loopback(url.host or ""):
        raise SimulationError(f"{url.host} is not this machine: add --allow-remote to push to it all the same")
    return text


def shown(endpoint: str) -> str:
    """An endpoint's URL for people: without the name and password it may hold."""
    return str(URL(endpoint).with_user(None))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
