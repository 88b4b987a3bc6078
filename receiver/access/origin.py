"""Where requests come from: under which name the listener was reached, and from whose page.

Sources: RFC 9110, sections 7.2 (Host) and 15.5.20 (421); Fetch standard (Origin); W3C Fetch Metadata (Sec-Fetch-Site).
"""

import ipaddress
from collections.abc import Iterable

from aiohttp import web

from receiver.access.denial import Denied


class Hosts:
    """The names under which the admin listener answers.

    A page of another site can give its own name the address of this machine (DNS rebinding), and then read what is
    answered. It cannot do that with a bare address or with localhost.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {"localhost", *(name.lower() for name in names)}

    def check(self, request: web.BaseRequest) -> None:
        """Raise Denied for a name that is not ours."""
        name = _host(request.headers.get("Host", ""))
        if name not in self._names and not _is_address(name):
            cure = f'add hosts = ["{name}"] under [console]' if name.isprintable() and name else "send a Host header"
            raise Denied(421, "host_not_allowed", f"this listener does not answer under the name {name!r}: {cure}")


def check_origin(request: web.BaseRequest) -> None:
    """Raise Denied for what another site's page had a browser send. Programs say nothing of the kind, and pass."""
    if not _from_here(request):
        raise Denied(403, "cross_site", "the request was sent by a page of another site")


def is_cross_site_visit(request: web.BaseRequest) -> bool:
    """Whether somebody follows a link from another site, on which browsers hold the session's cookie back."""
    headers = request.headers
    return headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"} and headers.get("Sec-Fetch-Mode") == "navigate"


def _from_here(request: web.BaseRequest) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2].lower() == request.headers.get("Host", "").lower()


def _host(header: str) -> str:
    """The name in a Host header, without the port and an address's brackets; all of it, where it is none."""
    if header.startswith("["):
        name, _, rest = header[1:].partition("]")
        return header if rest and not rest.startswith(":") else name
    return header.partition(":")[0].lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
