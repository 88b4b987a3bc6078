"""The headers that keep browsers in bounds, and what names the program, on every answer of the admin listener.

Sources: Content Security Policy Level 3, Fetch standard (nosniff, CORP), HTML standard (COOP), Referrer Policy.
"""

from aiohttp import web

from receiver.responses import SERVER

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # With no-referrer browsers would send `Origin: null` with our own forms (Fetch standard, "append Origin").
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def secure(app: web.Application) -> None:
    """Put the headers on each answer of an application; what an answer sets itself stays, but for its `Server`."""
    app.on_response_prepare.append(_add)


async def _add(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
