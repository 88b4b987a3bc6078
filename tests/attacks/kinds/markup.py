"""A script in every field that a sender or a destination controls: the console's pages show it as text."""

import json
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

from tests.attacks.row import Kind, Row, Visit
from tests.attacks.stage import Stage

RULES = """
[console]
token = { env = "CONSOLE_TOKEN" }
[handlers.web]
type = "forward"
url = "{sink}hook"
allow_private = true
retry = { attempts = 1 }
breaker = false
[[rules]]
name = "all"
handlers = ["web"]
key = "{seller_id|default=none}"
"""


class _Reader(HTMLParser):
    """Finds what a page of ours never has: scripts of others, handlers of events, addresses that are code."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "script" and not (named.get("src") or "").startswith("/static/"):
            self.found.append("a script")
        if tag in {"iframe", "object", "embed", "base", "img"}:
            self.found.append(f"an element {tag}")
        for name, value in attrs:
            if name.startswith("on") or name in {"srcdoc", "formaction"}:
                self.found.append(f"an attribute {name}")
            if (value or "").strip().lower().startswith(("javascript:", "vbscript:")):
                self.found.append(f"code in {name}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def sound(page: bytes) -> str:
    """The text of a page, which holds nothing that would run."""
    reader = _Reader()
    reader.feed(page.decode())
    assert not reader.found, f"the page has {reader.found}"
    return "".join(reader.text)


_MARK = (
    "\"'></textarea></title><script>alert(1)</script><img src=x onerror=alert(2)><a href='javascript:alert(3)'>{{7*7}}"
)


def _shown_on(*pages: str) -> Callable[[Stage, int], Any]:
    """The notification's page shows the text as text, and so do the others where they show it."""

    async def after(stage: Stage, notification: int) -> None:
        await stage.ended(notification)
        own = await _page(stage, f"/notifications/{notification}")
        assert "<script>alert(1)</script>" in own, "the page does not show the text"
        for path in pages:
            await _page(stage, path)

    return after


async def _page(stage: Stage, path: str) -> str:
    (answer,) = await stage.visit(Visit(path, who="token"))
    assert answer.status == 200, f"{path} answered {answer}"
    policy = answer.field("content-security-policy")
    assert "script-src 'self'" in policy, "a page without a policy"
    assert "unsafe-inline" not in policy, "a policy that lets anything run"
    return sound(answer.body)


async def _follow(stage: Stage, notification: int) -> None:
    """The stream of live events tells of the notification, and what it has pages put in holds nothing that runs."""
    told = await stage.events("/live/events", f'"id":{notification},')
    assert "<script>alert(1)</script>" in sound(told[-1]["html"].encode()), "the event does not show the text"
    for event in told:
        sound(event["html"].encode())


_PAGES = ("/", "/live", "/search", "/dead", "/rules", "/accounts", "/audit", f"/search?text={quote(_MARK)}")


def _marked(name: str, message: object, **fields: Any) -> Row:
    text = message if isinstance(message, str) else json.dumps(message)
    return Row(
        f"markup in {name}",
        lambda forge: forge.notification(Message=text, **fields),
        "200 accepted",
        after=_shown_on(*_PAGES),
    )


def _with(payload: Mapping[str, object] | None = None, **fields: object) -> Mapping[str, object]:
    return {"NotificationType": "ORDER_CHANGE", "Payload": payload or {"a": _MARK}} | fields


KIND = Kind(
    "markup",
    "every field that a sender or a destination controls holds a script; each page must show it as text",
    (
        _marked("the message, which is a text", _MARK),
        _marked("the Subject", _with({"a": 1}), Subject=_MARK),
        _marked("an attribute's value", _with({"a": 1}), MessageAttributes={"a": {"Type": "String", "Value": _MARK}}),
        _marked("an attribute's name", _with({"a": 1}), MessageAttributes={_MARK: {"Type": "String", "Value": "a"}}),
        _marked("a value of the payload", _with()),
        _marked("a name in the payload", _with({_MARK: 1})),
        _marked("the seller's id", _with({"SellerId": _MARK})),
        _marked("the marketplace", _with({"MarketplaceId": _MARK})),
        _marked("an order's id", _with({"AmazonOrderId": _MARK})),
        _marked("an ASIN and a SKU", _with({"ASIN": _MARK, "SellerSKU": _MARK})),
        _marked("the type, which is made plain", _with({"a": _MARK}, NotificationType=_MARK)),
        _marked("the version", _with(PayloadVersion=_MARK)),
        _marked("the time", _with(EventTime=_MARK)),
        _marked("the notification's id", _with(NotificationMetadata={"NotificationId": _MARK})),
        _marked("the metadata", _with(NotificationMetadata={"ApplicationId": _MARK, _MARK: _MARK})),
        Row(
            "markup in a live event",
            lambda forge: forge.notification(Message=json.dumps(_with({"SellerId": _MARK, "ASIN": _MARK}))),
            "200 accepted",
            after=_follow,
        ),
        _marked("the UnsubscribeURL", _with({"a": _MARK}), UnsubscribeURL=_MARK),
    ),
    rules=RULES,
    sink_body=f"<html>{_MARK}</html>",
)
