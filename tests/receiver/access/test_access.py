"""The admin listener's door, on a whole router: who is let in, and what is said to everybody else."""

import asyncio
import re
from typing import Any

import aiohttp
import pytest
from yarl import URL

from receiver.errors import ConfigError, Unavailable
from receiver.inbox.audit import Audit

PATHS = ["/", "/api/v1/stats", "/nothing/here", "/dead"]
STATS = "/api/v1/stats"
HTML = {"Accept": "text/html"}


async def status(client: aiohttp.ClientSession, path: str, method: str = "GET", **more: Any) -> int:
    async with client.request(method, path, allow_redirects=False, **more) as answer:
        return answer.status


async def log_in(client: aiohttp.ClientSession, token: str, then: str = "/", **headers: str) -> Any:
    form = {"token": token, "next": then}
    async with client.post("/login", data=form, headers=headers, allow_redirects=False) as answer:
        await answer.read()
        return answer


async def csrf_of(client: aiohttp.ClientSession) -> str:
    async with client.get("/rules") as answer:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', await answer.text())
    assert found
    return found[1]


@pytest.mark.parametrize("path", PATHS)
async def test_without_a_token_everything_but_health_is_closed_and_says_what_to_do(
    start_router: Any, write_rules: Any, visitor: Any, path: str
) -> None:
    router = await start_router(write_rules(""))
    client = await visitor(router.admin)
    async with client.get(path) as answer:
        assert answer.status == 403
        assert "openssl rand -hex 32" in await answer.text()
        assert answer.content_type == ("application/problem+json" if "/api/" in path else "text/html")
    for open_path in ("/healthz", "/readyz", "/metrics"):
        assert await status(client, open_path) == 200
    async with client.post("/login", data={"token": ""}) as answer:
        assert answer.status == 403


async def test_a_closed_console_is_told_of_at_the_start(start_router: Any, write_rules: Any, caplog: Any) -> None:
    with caplog.at_level("INFO"):
        await start_router(write_rules(""))
    (told,) = [record for record in caplog.records if record.getMessage() == "console_closed"]
    assert "[console]" in told.facts["cure"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer TOKEN", 200),
        ("bearer  TOKEN ", 200),
        ("Bearer TOKENx", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Basic TOKEN", 401),
        ("TOKEN", 401),
        ("Bearer \udcff", 401),
    ],
)
async def test_a_program_sends_the_token(router: Any, visitor: Any, token: str, header: str, expected: int) -> None:
    client = await visitor(router.admin)
    async with client.get(STATS, headers={"Authorization": header.replace("TOKEN", token)}) as answer:
        assert answer.status == expected
        challenge = answer.headers.get("WWW-Authenticate", "")
        assert challenge.startswith('Bearer realm="spapi-router", error="invalid_token"') is (expected == 401)


async def test_a_program_without_a_token_is_asked_for_it(router: Any, visitor: Any) -> None:
    client = await visitor(router.admin)
    async with client.get(STATS) as answer:
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="spapi-router"')
        assert (await answer.json(content_type=None))["reason"] == "token_required"


async def test_a_wrong_token_never_shuts_the_right_one_out_and_fills_no_log(
    router: Any, visitor: Any, token: str, caplog: Any
) -> None:
    client = await visitor(router.admin)
    for _ in range(50):
        assert await status(client, STATS, headers={"Authorization": "Bearer of-yesterday-and-before"}) == 401
    assert await status(client, STATS, headers={"Authorization": f"Bearer {token}"}) == 200
    assert [record.getMessage() for record in caplog.records].count("console_token_refused") == 5
    assert "of-yesterday" not in caplog.text


async def test_a_person_is_led_to_the_form_and_back_to_where_they_were_going(
    router: Any, visitor: Any, token: str
) -> None:
    client = await visitor(router.admin)
    async with client.get("/dead?type=ORDER_CHANGE&rule=a%26b", headers=HTML, allow_redirects=False) as answer:
        assert answer.status == 303
        location = answer.headers["Location"]
    async with client.get(location) as answer:
        page = await answer.text()
        assert answer.status == 200
        assert 'name="next" value="/dead?type=ORDER_CHANGE&amp;rule=a%26b"' in page
    answer = await log_in(client, token, "/dead?type=ORDER_CHANGE&rule=a%26b")
    assert (answer.status, answer.headers["Location"]) == (303, "/dead?type=ORDER_CHANGE&rule=a%26b")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Max-Age=43200" in cookie
    assert "Secure" not in cookie
    assert await status(client, "/dead") == 200
    assert await status(client, STATS) == 200


async def test_behind_a_proxy_that_speaks_tls_the_cookie_is_secure(router: Any, visitor: Any, token: str) -> None:
    client = await visitor(router.admin)
    answer = await log_in(client, token, **{"X-Forwarded-Proto": "https"})
    assert "; Secure" in answer.headers["Set-Cookie"]


async def test_a_wrong_token_at_the_form_is_said_and_slowed_down(
    router: Any, visitor: Any, token: str, caplog: Any
) -> None:
    client = await visitor(router.admin)
    answers = [await log_in(client, f"wrong-token-{number}") for number in range(8)]
    assert [answer.status for answer in answers] == [401] * 5 + [429] * 3
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert not any("Set-Cookie" in answer.headers for answer in answers)
    answer = await log_in(client, token)
    assert answer.status == 303, "nobody at the same address shuts out who has the token"
    assert "wrong-token" not in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize("then", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
async def test_a_login_leads_to_no_other_site(router: Any, visitor: Any, token: str, then: str) -> None:
    client = await visitor(router.admin)
    answer = await log_in(client, token, then)
    assert answer.headers["Location"] == "/"


async def test_a_page_of_another_site_cannot_log_somebody_in(router: Any, visitor: Any, token: str) -> None:
    client = await visitor(router.admin)
    for forged in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = await log_in(client, token, **forged)
        assert answer.status == 403
        assert "Set-Cookie" not in answer.headers


async def test_what_changes_something_needs_the_token_of_its_form(router: Any, visitor: Any, token: str) -> None:
    client = await visitor(router.admin)
    await log_in(client, token)
    form = {"message": '{"a": 1}'}
    assert await status(client, "/rules/explain", "POST", data=form) == 403
    assert await status(client, "/rules/explain", "POST", data={**form, "csrf": "f" * 64}) == 403
    csrf = await csrf_of(client)
    assert await status(client, "/rules/explain", "POST", data={**form, "csrf": csrf}) == 200
    assert await status(client, "/rules/explain", "POST", data=form, headers={"X-CSRF-Token": csrf}) == 200
    for forged in ({"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}):
        assert await status(client, "/rules/explain", "POST", data={**form, "csrf": csrf}, headers=forged) == 403


async def test_a_session_works_with_the_api_and_needs_the_header_there(router: Any, visitor: Any, token: str) -> None:
    client = await visitor(router.admin)
    await log_in(client, token)
    body = {"ids": [1]}
    assert await status(client, "/api/v1/deliveries/replay", "POST", json=body) == 403
    headers = {"X-CSRF-Token": await csrf_of(client)}
    assert await status(client, "/api/v1/deliveries/replay", "POST", json=body, headers=headers) == 200


async def test_the_token_of_one_session_s_form_does_not_serve_another(router: Any, visitor: Any, token: str) -> None:
    first, second = await visitor(router.admin), await visitor(router.admin)
    await log_in(first, token)
    await log_in(second, token)
    form = {"message": "{}", "csrf": await csrf_of(first)}
    assert await status(second, "/rules/explain", "POST", data=form) == 403


async def test_a_program_with_the_token_needs_no_form(router: Any, visitor: Any, token: str) -> None:
    client = await visitor(router.admin, Authorization=f"Bearer {token}")
    assert await status(client, "/rules/explain", "POST", data={"message": "{}"}) == 200


async def test_who_leaves_is_out_also_with_a_copy_of_the_cookie(router: Any, visitor: Any, token: str) -> None:
    client, thief = await visitor(router.admin), await visitor(router.admin)
    answer = await log_in(client, token)
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert await status(thief, "/rules", headers={"Cookie": cookie}) == 200
    form = {"csrf": await csrf_of(client)}
    async with client.post("/logout", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/login")
    assert await status(client, "/rules") == 401
    assert await status(thief, "/rules", headers={"Cookie": cookie}) == 401


async def test_with_an_inbox_that_cannot_be_written_nobody_comes_in_and_who_leaves_is_out(
    router: Any, visitor: Any, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await visitor(router.admin)
    await log_in(client, token)
    csrf = await csrf_of(client)

    async def full(*_: Any) -> None:
        raise Unavailable("inbox_full", "no space is left for the inbox")

    monkeypatch.setattr(Audit, "add", full)
    async with client.post("/login", data={"token": token}) as answer:
        assert answer.status == 503
        assert "No space is left for the inbox" in await answer.text()
    assert await status(client, "/logout", "POST", data={"csrf": csrf}) == 503
    assert await status(client, "/rules") == 401


@pytest.mark.parametrize("by", ["logout", "another token"])
async def test_a_page_that_follows_is_let_go_with_its_session(
    router: Any, visitor: Any, token: str, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    client = await visitor(router.admin)
    await log_in(client, token)
    csrf = await csrf_of(client)
    async with client.get("/live/events") as followed:
        await followed.content.readany()
        if by == "logout":
            await status(client, "/logout", "POST", data={"csrf": csrf})
        else:
            monkeypatch.setenv("CONSOLE_TOKEN", token[::-1])
            await router.daemon.reload(router.parts)
        async with asyncio.timeout(10):
            await followed.read()


async def test_a_link_from_another_site_reaches_its_page_with_the_session(
    router: Any, visitor: Any, token: str
) -> None:
    client = await visitor(router.admin)
    visit = {**HTML, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    async with client.get("/rules?a=1&b=2", headers=visit) as answer:
        page = await answer.text()
    assert answer.status == 200
    assert '<meta http-equiv="refresh" content="0; url=/rules?a=1&amp;b=2">' in page
    await log_in(client, token)
    assert await status(client, "/rules?a=1&b=2", headers={**HTML, "Sec-Fetch-Site": "same-origin"}) == 200


@pytest.mark.parametrize("path", ["//evil.example/rules", "///evil.example", "/\\evil.example"])
async def test_a_link_from_another_site_leads_to_no_third_one(router: Any, visitor: Any, path: str) -> None:
    client = await visitor(router.admin)
    visit = {**HTML, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    async with client.get(URL(router.admin + path, encoded=True), headers=visit) as answer:
        assert 'content="0; url=/">' in await answer.text()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", 401),
        ("LOCALHOST:9090", 401),
        ("127.0.0.1:9090", 401),
        ("[::1]:9090", 401),
        ("192.168.7.7", 401),
        ("router.example.com", 401),
        ("router.example.com.", 401),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("evil.example:9090", 421),
    ],
)
async def test_the_listener_answers_under_its_own_names_alone(
    start_router: Any, write_rules: Any, visitor: Any, token: str, host: str, expected: int
) -> None:
    router = await start_router(
        write_rules('[console]\ntoken = { env = "CONSOLE_TOKEN" }\nhosts = ["Router.example.com"]\n')
    )
    client = await visitor(router.admin)
    assert await status(client, STATS, headers={"Host": host}) == expected
    assert await status(client, "/login", headers={"Host": host}) == (200 if expected == 401 else 421)
    assert await status(client, "/metrics", headers={"Host": host}) == 200


async def test_another_token_ends_all_sessions_and_a_bad_one_changes_nothing(
    router: Any, visitor: Any, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await visitor(router.admin)
    await log_in(client, token)
    await router.daemon.reload(router.parts)
    assert await status(client, "/rules") == 200
    monkeypatch.setenv("CONSOLE_TOKEN", "short")
    await router.daemon.reload(router.parts)
    assert await status(client, "/rules") == 200
    monkeypatch.setenv("CONSOLE_TOKEN", "another-token-altogether")
    await router.daemon.reload(router.parts)
    assert await status(client, "/rules") == 401
    assert (await log_in(client, token)).status == 401
    assert (await log_in(client, "another-token-altogether")).status == 303


async def test_a_token_that_could_be_guessed_is_refused_at_the_start(
    start_router: Any, write_rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSOLE_TOKEN", "swordfish")
    with pytest.raises(ConfigError, match=r"console.token .* is shorter than 16 characters.*openssl") as raised:
        await start_router(write_rules('[console]\ntoken = { env = "CONSOLE_TOKEN" }\n'))
    assert "swordfish" not in str(raised.value)


async def test_every_answer_keeps_browsers_in_bounds(router: Any, visitor: Any, token: str) -> None:
    client = await visitor(router.admin)
    for path in ("/login", "/healthz", "/rules", STATS, "/login.css"):
        async with client.get(path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers.getall("Server") == ["spapi-router"]


async def test_comings_and_goings_are_written_down(router: Any, visitor: Any, token: str) -> None:
    client = await visitor(router.admin)
    await log_in(client, token)
    await client.post("/logout", data={"csrf": await csrf_of(client)})
    left, came = await Audit(router.inbox).entries(limit=10)
    assert (came.action, left.action) == ("login", "logout")
    assert came.who == left.who
    assert re.fullmatch(r"session [0-9a-f]{8} \(127\.0\.0\.1\)", came.who)


@pytest.mark.parametrize(
    "body",
    [
        b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n",
        b"--x\r\nbroken",
        b"",
        b"--y\r\n\r\n--y--",
        b"\xff\xfe" * 40,
    ],
)
@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "multipart/form-data", "application/json; charset=x"]
)
async def test_forms_that_are_none_are_refused_and_break_nothing(
    router: Any, visitor: Any, token: str, body: bytes, kind: str
) -> None:
    client = await visitor(router.admin)
    for path in ("/login", "/rules/explain", "/logout"):
        assert await status(client, path, "POST", data=body, headers={"Content-Type": kind}) in {400, 401, 403, 415}
    await log_in(client, token)
    for path in ("/login", "/rules/explain", "/logout"):
        assert await status(client, path, "POST", data=body, headers={"Content-Type": kind}) in {400, 401, 403, 415}
