"""The door's own pages: they need nothing of the console."""

from html import escape
from http import HTTPStatus

from aiohttp import web

from receiver.access.denial import Denied

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{head}<title>{title} - spapi-router</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/login.css">
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""
_FORM = """<form method="post" action="/login">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus{invalid}>
<input type="hidden" name="next" value="{then}">
<button type="submit">Log in</button>
</form>
<p class="hint">The token of <code>[console]</code> in the rules file.</p>"""


def login_page(then: str, denied: Denied | None = None) -> web.Response:
    """The form that asks for the token, and why the last attempt failed; `then` is where a login leads to."""
    problem = f'<p role="alert">{escape(_sentence(denied.detail))}</p>\n' if denied else ""
    invalid = ' aria-invalid="true"' if denied else ""
    form = _FORM.format(then=escape(then), invalid=invalid)
    return _answer(denied.status if denied else 200, "Log in", problem + form, denied)


def denial_page(denied: Denied) -> web.Response:
    """Says why somebody is not let in, and what to do."""
    title = HTTPStatus(denied.status).phrase
    return _answer(denied.status, title, f"<p>{escape(_sentence(denied.detail))}.</p>", denied)


def bounce_page(path: str) -> web.Response:
    """Has a browser that comes from another site ask again, from here: then it sends the session's cookie."""
    target = escape(path)
    head = f'<meta http-equiv="refresh" content="0; url={target}">\n'
    body = f'<p><a href="{target}">Go on</a></p>'
    return web.Response(text=_PAGE.format(head=head, title="One moment", body=body), content_type="text/html")


def _answer(status: int, title: str, body: str, denied: Denied | None) -> web.Response:
    wait = denied.retry_after if denied else None
    headers = {"Retry-After": str(max(1, round(wait)))} if wait is not None else None
    text = _PAGE.format(head="", title=escape(title), body=body)
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
