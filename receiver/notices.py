"""The plain pages that a person sees after a consent. They say what happened, and nothing of what was asked."""

from enum import Enum
from html import escape

from aiohttp import web

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


class Notice(Enum):
    """Status, headline and text of a page."""

    DONE = (200, "Access granted", "The account is connected. You can close this window.")
    UNKNOWN = (
        400,
        "This link is not valid",
        "It was not made here, or it is incomplete. Ask for a new link and open it in this browser.",
    )
    USED = (410, "This link has been used", "A link works once. If the account is not connected, ask for a new one.")
    LATE = (410, "This link has ended", "A link works for ten minutes. Ask for a new one.")
    NO_CODE = (
        400,
        "No access was granted",
        "Amazon sent no code back, so nothing was changed. Open the link again and confirm on Amazon's page.",
    )
    OTHER_SELLER = (
        403,
        "This link is for another account",
        "Sign in to Amazon with the account that the link was made for, and open it again.",
    )
    KNOWN = (
        409,
        "This account is connected already",
        "To connect it anew, ask for a link that is made for this seller (spapi-router authorize --seller).",
    )
    CONFIGURED = (
        409,
        "This account is connected already",
        "Its token stands in the rules file, which wins. Whoever runs this service can change it there.",
    )
    REFUSED = (
        502,
        "Amazon refused the code",
        "It may have ended: it lasts five minutes and works once. Ask for a new link. The log says more.",
    )
    AGAIN = (503, "Not just now", "The account could not be connected. Reload this page within five minutes.")
    BROKEN = (500, "Something is wrong here", "Nothing was changed. Whoever runs this service finds more in its log.")


def notice(which: Notice) -> web.Response:
    """The page, never to be cached or framed, and without anything that a sender chose."""
    status, headline, text = which.value
    title, body = escape(headline), escape(text)
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<p>{body}</p>\n</body>\n</html>\n"
    )
    return web.Response(status=status, text=page, content_type="text/html", charset="utf-8", headers=_HEADERS)
