"""The admin listener: who gets in, what other sites' pages can do, and what is asked of console and API."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from tests.attacks.kinds.markup import RULES, sound
from tests.attacks.row import Kind, Row, Script, Visit
from tests.attacks.stage import TOKEN
from tests.attacks.wire import Answer

_FORM = "application/x-www-form-urlencoded"
_JSON = {"Content-Type": "application/json"}
_LIST = "/api/v1/notifications"
_REPLAY = "/api/v1/deliveries/replay"
_ALL = json.dumps({"filter": {"states": ["done"]}}).encode()
_UNKNOWN = "401 token_required"
_WRONG = "401 wrong_token"


def _visit(name: str, answer: str, path: str, look: Callable[[Answer], None] | None = None, **options: Any) -> Row:
    return Row(name, lambda _forge: Visit(path, **options), answer, look=look)


def _raw(name: str, answer: str, data: bytes) -> Row:
    """Bytes on a connection to the admin listener."""
    return Row(name, lambda _forge: Script((data,), admin=True), answer)


def _bearer(name: str, answer: str, value: str, scheme: str = "Bearer") -> Row:
    return _visit(name, answer, _LIST, headers={"Authorization": f"{scheme} {value}".rstrip(" ")})


def _cookie(name: str, value: str, answer: str = _UNKNOWN) -> Row:
    return _visit(name, answer, _LIST, headers={"Cookie": f"spapi_router_session={value}"})


def _forged(name: str, answer: str, path: str = _REPLAY, headers: Mapping[str, str] = _JSON, **options: Any) -> Row:
    """What a page of another site would have a logged-in browser send."""
    body = options.pop("body", _ALL)
    return _visit(name, answer, path, method="POST", who="session", headers=headers, body=body, **options)


def _login(name: str, answer: str, body: str, look: Callable[[Answer], None] | None = None, **headers: str) -> Row:
    fields = {"Content-Type": _FORM} | {field.replace("_", "-"): value for field, value in headers.items()}
    return _visit(name, answer, "/login", look, method="POST", headers=fields, body=body.encode())


def _leads_to(place: str) -> Callable[[Answer], None]:
    def look(answer: Answer) -> None:
        assert answer.field("location") == place, f"it leads to {answer.field('location')!r}"

    return look


def _finds(count: int) -> Callable[[Answer], None]:
    """The API's page has so many items."""

    def look(answer: Answer) -> None:
        found = json.loads(answer.body)["items"]
        assert len(found) == count, f"{len(found)} items, not {count}"

    return look


def _query(name: str, answer: str, path: str, look: Callable[[Answer], None] | None = None) -> Row:
    return _visit(name, answer, path, look, who="token")


def _post(name: str, answer: str, path: str, body: object) -> Row:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return _visit(name, answer, path, method="POST", who="token", headers=_JSON, body=data)


_TRY = Visit("/login", "POST", headers={"Content-Type": _FORM}, body=b"token=wrong")
_SQL = (
    "' OR '1'='1",
    "'; DROP TABLE notifications; --",
    '" OR ""="',
    "\\' OR 1=1 --",
    "1) UNION SELECT 1,2,3 --",
    "%",
    "*",
    "a* OR b*",
)
DOOR = Kind(
    "admin door",
    "requests to console and API without the token, with a wrong one, under another name, or from another site's page",
    (
        _visit("the API without a token", _UNKNOWN, _LIST),
        _visit("the API's description without a token", _UNKNOWN, "/api/v1/openapi.json"),
        _visit("a path of the API that is not there, without a token", _UNKNOWN, "/api/v1/nothing"),
        _visit("a replay without a token", _UNKNOWN, _REPLAY, method="POST", headers=_JSON, body=_ALL),
        _visit("the console without a token", "401", "/"),
        _visit(
            "the console without a token, by a browser",
            "303",
            "/audit",
            _leads_to("/login?next=/audit"),
            headers={"Accept": "text/html"},
        ),
        _visit("live events without a token", "401", "/live/events"),
        _bearer("a wrong token", _WRONG, "x" * 24),
        _bearer("an empty token", _WRONG, ""),
        _bearer("a letter too few", _WRONG, TOKEN[:-1]),
        _bearer("a letter too many", _WRONG, TOKEN + "x"),
        _bearer("the token in upper case", _WRONG, TOKEN.upper()),
        _bearer("the token as a password", _WRONG, TOKEN, "Basic"),
        _bearer("bytes that are no text", _WRONG, "\udcff" * 24),
        _visit("the token in the address", _UNKNOWN, f"{_LIST}?token={TOKEN}"),
        _visit("the token in another header", _UNKNOWN, _LIST, headers={"X-Token": TOKEN}),
        _visit(
            "an address that is trusted, in a header",
            _UNKNOWN,
            _LIST,
            headers={"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
        ),
        _cookie("the token as a cookie", TOKEN),
        _cookie("a made-up session", "a" * 43),
        _cookie("a made-up session with a signature", f"{'a' * 43}.{'b' * 43}"),
        _cookie("an empty session", ""),
        _cookie("a session of 4 kB", "a" * 4000),
        _visit(
            "another name for this machine (DNS rebinding)",
            "421 host_not_allowed",
            _LIST,
            who="token",
            headers={"Host": "evil.example"},
        ),
        _visit("a name behind an address", "421", "/", who="session", headers={"Host": "[::1].evil.example"}),
        _visit("another name, for the login", "421", "/login", headers={"Host": "evil.example"}),
        _visit("no name", "421 host_not_allowed", _LIST, who="token", headers={"Host": ""}),
        _visit("a name with markup", "421", "/login", headers={"Host": "<script>alert(1)</script>"}),
        _forged("a replay by a session without the form's token", "403 csrf"),
        _forged("with a made-up form token", "403 csrf", headers=_JSON | {"X-CSRF-Token": "a" * 43}),
        _forged("with a form token in the address", "403 csrf", f"{_REPLAY}?csrf=x"),
        _forged("as a text, which needs no leave of the browser", "403 csrf", headers={"Content-Type": "text/plain"}),
        _forged(
            "from another site, with the form's token",
            "403 cross_site",
            headers=_JSON | {"Origin": "https://evil.example"},
            csrf=True,
        ),
        _forged(
            "from another port, with the form's token",
            "403 cross_site",
            headers=_JSON | {"Origin": "http://127.0.0.1:1"},
            csrf=True,
        ),
        _forged("from a page without an origin", "403 cross_site", headers=_JSON | {"Origin": "null"}, csrf=True),
        _forged(
            "from a site that the browser calls another",
            "403 cross_site",
            headers=_JSON | {"Sec-Fetch-Site": "cross-site"},
            csrf=True,
        ),
        _forged(
            "the console's replay without the form's token",
            "403",
            "/replay/confirmed",
            {"Content-Type": _FORM},
            body=b"id=1",
        ),
        _forged("a log-out without the form's token", "403", "/logout", {"Content-Type": _FORM}, body=b""),
        _forged(
            "an explanation without the form's token",
            "403",
            "/rules/explain",
            {"Content-Type": _FORM},
            body=b"message=x",
        ),
        _forged("a form that is none", "415", "/replay", {"Content-Type": "multipart/form-data"}, body=b"x"),
        _visit("a replay by GET", "405 method_not_allowed", _REPLAY, who="session"),
        _visit("the console's replay by GET", "405", "/replay/confirmed?id=1", who="session"),
        _visit(
            "another method by a field",
            "405 method_not_allowed",
            _REPLAY,
            who="token",
            headers={"X-HTTP-Method-Override": "POST"},
        ),
        _visit("DELETE", "405 method_not_allowed", _LIST, method="DELETE", who="token"),
        _visit("TRACE", "405 method_not_allowed", _LIST, method="TRACE", who="token"),
        _login("a login from another site", "403", f"token={TOKEN}", Origin="https://evil.example"),
        _login("a login that leads elsewhere", "303", f"token={TOKEN}&next=https://evil.example/", _leads_to("/")),
        _login(
            "a login that leads elsewhere without a scheme",
            "303",
            f"token={TOKEN}&next=//evil.example/",
            _leads_to("/"),
        ),
        _login(
            "a login that leads elsewhere by a backslash",
            "303",
            f"token={TOKEN}&next=/%5Cevil.example/",
            _leads_to("/"),
        ),
        _login(
            "a login that leads elsewhere by a tab", "303", f"token={TOKEN}&next=/%09/evil.example/", _leads_to("/")
        ),
        _login(
            "a login with a header in its way", "303", f"token={TOKEN}&next=/%0d%0aSet-Cookie:%20x=y", _leads_to("/")
        ),
        _login("a login that runs a script", "303", f"token={TOKEN}&next=javascript:alert(1)", _leads_to("/")),
        _login("a login with a wrong token", "401", "token=wrong&next=/"),
        _login("a login without a token", "401", "next=/"),
        _login("a login with a token of two megabytes", "401", "token=" + "a" * (2 << 20)),
    ),
    rules=RULES,
)
LOGINS = Kind(
    "logins",
    "one address tries tokens: it has to wait, and whoever has the right one comes in from there all the same",
    (
        Row(
            "six logins with wrong tokens, then the right one",
            lambda _forge: (
                *([_TRY] * 6),
                Visit("/login", "POST", headers=_TRY.headers, body=f"token={TOKEN}".encode()),
            ),
            "5 times 401, 429, 303",
        ),
        _visit("the right token in the API meanwhile", "200", _LIST, who="token"),
        Row(
            "a hundred wrong tokens in the API, then the right one",
            lambda _forge: (
                *([Visit(_LIST, headers={"Authorization": "Bearer wrong"})] * 100),
                Visit(_LIST, who="token"),
            ),
            "100 times 401 wrong_token, 200",
        ),
    ),
    rules=RULES,
)
REQUESTS = Kind(
    "console and API",
    "paths that climb, SQL in searches, numbers and bodies that are none; all with the right token",
    (
        *(_query(f"SQL in the search: {text}", "200", f"{_LIST}?text={quote(text)}", _finds(0)) for text in _SQL),
        *(_query(f"SQL in a filter: {text}", "200", f"{_LIST}?seller={quote(text)}", _finds(0)) for text in _SQL),
        _query("SQL in the console's search", "200", f"/search?text={quote(_SQL[1])}"),
        _query("an id with SQL", "404 no_such_path", f"{_LIST}/{quote('1 OR 1=1')}"),
        _query("an id of 400 digits", "422 invalid", f"{_LIST}/{'9' * 400}"),
        _query("an id below zero", "404 no_such_path", f"{_LIST}/-1"),
        _query("a limit below zero", "422 invalid", f"{_LIST}?limit=-1"),
        _query("a limit of a billion", "422 invalid", f"{_LIST}?limit=1000000000"),
        _query("a parameter that nobody knows", "422 invalid", f"{_LIST}?sql=1"),
        _query("a parameter twice", "422 invalid", f"{_LIST}?seller=a&seller=b"),
        _query("a time that is none", "422 invalid", f"{_LIST}?since=yesterday'--"),
        _query("bytes that are no text", "200", f"{_LIST}?text=%ff%fe", _finds(0)),
        _query("a NUL in the search", "422 invalid", f"{_LIST}?text=a%00b"),
        _query("a search of 7 kB", "422 invalid", f"{_LIST}?text={'a' * 7000}"),
        _query("a static path that climbs", "404", "/static/../console.py"),
        _query("a static path that climbs by escapes", "404", "/static/%2e%2e%2fconsole.py"),
        _query("a static path that climbs by a backslash", "404", "/static/..%5cconsole.py"),
        _query("a static path that is absolute", "404", "/static//etc/passwd"),
        _query("a path that climbs out of the API", "404 no_such_path", "/api/v1/../../etc/passwd"),
        _query("markup in a path", "404", "/<script>alert(1)</script>"),
        _query(
            "markup in a search",
            "200",
            f"/search?text={quote('<script>alert(1)</script>')}",
            lambda answer: sound(answer.body),
        ),
        _query(
            "markup in a filter",
            "400",
            f"/search?since={quote('<script>alert(1)</script>')}",
            lambda answer: sound(answer.body),
        ),
        _post("a replay of everything and nothing", "422 invalid", _REPLAY, {}),
        _post("a replay by ids and a filter", "422 invalid", _REPLAY, {"ids": [1], "filter": {}}),
        _post("ids that are none", "422 invalid", _REPLAY, {"ids": ["1 OR 1=1", True, -1, 1.5, None]}),
        _post("a million ids", "413 too_large", _REPLAY, {"ids": list(range(1, 400_000))}),
        _post("SQL in a filter of a replay", "200", _REPLAY, {"filter": {"handler": _SQL[0]}}),
        _post("a body that is no JSON", "400 bad_json", _REPLAY, b"{"),
        _post("a body of nothing but brackets", "400 bad_json", _REPLAY, b"[" * 100_000),
        _post("an explanation of brackets", "422 unreadable", "/api/v1/explain", b"[" * 100_000),
        _post("an explanation of 2 MiB", "413 too_large", "/api/v1/explain", b" " * (2 << 20)),
        _raw("noise", "400", bytes(range(256)) * 4),
        _raw("a version that does not exist", "400", b"GET / HTTP/3.7\r\nHost: x\r\n\r\n"),
        _raw(
            "Content-Length and chunks together",
            "400",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        _raw("ten thousand fields", "400", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"),
        _visit(
            "a body of another type",
            "415 not_json",
            _REPLAY,
            method="POST",
            who="token",
            headers={"Content-Type": "text/xml"},
            body=b"<a/>",
        ),
    ),
    rules=RULES,
)


KINDS = (DOOR, LOGINS, REQUESTS)
