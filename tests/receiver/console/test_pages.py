"""The console over HTTP: what browsers may keep, what is refused, long replays, a database that cannot be read now."""

import asyncio
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import aiohttp
import pytest

from receiver.console import dead, live
from receiver.errors import Unavailable
from receiver.history import History
from receiver.inbox import DeliveryFilter, State
from receiver.inbox.minutes import Minute
from receiver.simulators.sink import Behaviour, Sink
from receiver.simulators.sns import SimulatedSns

TOKEN = "3f9c2a7d5e8b4c1d6a0f9e2b7c4d8a1e"
CONSOLE = '[console]\ntoken = { env = "CONSOLE_TOKEN" }\n[[rules]]\nname = "all"\nhandlers = ["erp"]\n'
PAGES = [
    "/",
    "/?span=7d",
    "/live",
    "/search",
    "/search?q=903",
    "/dead",
    "/rules",
    "/accounts",
    "/audit",
    "/notifications/1",
]


@pytest.fixture
async def router(
    start_router: Any, write_rules: Any, forward_to: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    monkeypatch.setenv("CONSOLE_TOKEN", TOKEN)
    return await start_router(write_rules(CONSOLE + forward_to("erp", "retry = { attempts = 1 }")))


@pytest.fixture
async def browser(router: Any) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(router.admin, headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


async def push(router: Any, sns: SimulatedSns, count: int = 1) -> None:
    for number in range(count):
        await sns.publish(router.url, {"NotificationType": "ORDER_CHANGE", "Payload": {"orderId": f"903-{number}"}})


async def all_dead(router: Any, count: int) -> None:
    while (await router.inbox.count(DeliveryFilter())).get(State.DEAD, 0) < count:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_whole_and_only_for_who_is_let_in(
    router: Any, browser: aiohttp.ClientSession, sns: SimulatedSns, path: str
) -> None:
    await push(router, sns)
    async with browser.get(path) as answer:
        text = await answer.text()
        assert answer.status == 200, text
        assert answer.headers["Cache-Control"] == "no-store"
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert text.rstrip().endswith("</html>")
    assert not re.findall(r"\sstyle=|\son[a-z]+=|<script(?! src=\"/static/)|javascript:", text)
    async with aiohttp.ClientSession(router.admin) as stranger, stranger.get(path) as answer:
        assert answer.status == 401


async def test_files_are_kept_for_ever_under_names_of_their_content(
    router: Any, browser: aiohttp.ClientSession
) -> None:
    async with browser.get("/") as answer:
        urls = re.findall(r'"(/static/[^"]+)"', await answer.text())
    assert len(urls) == 3
    for url in urls:
        assert re.fullmatch(r"/static/[a-z]+\.[0-9a-f]{16}\.(css|js|svg)", url)
        async with browser.get(url) as answer:
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert len(await answer.read()) > 100
    async with browser.get("/static/console.css") as answer:
        assert answer.status == 404


async def test_a_message_that_is_nested_deep_or_of_no_time_that_can_be_written_has_its_page(
    router: Any, browser: aiohttp.ClientSession, sns: SimulatedSns
) -> None:
    deep = '{"a":' * 400 + "1" + "}" * 400
    await sns.publish(router.url, f'{{"NotificationType": "ORDER_CHANGE", "Payload": {deep}}}')
    strange = {"NotificationType": "ORDER_CHANGE", "EventTime": "9999-12-31T23:59:59-14:00", "Payload": {"a": 1}}
    await sns.publish(router.url, strange)
    for path in ("/notifications/1", "/notifications/2", "/api/v1/notifications/1", "/api/v1/deliveries/1"):
        async with browser.get(path) as answer:
            assert answer.status == 200, path
    async with browser.get("/api/v1/notifications/1") as answer:
        shown = await answer.json()
    assert shown["document"] is None
    assert deep.replace('"', '\\"') in shown["message"]


async def test_a_long_replay_goes_on_in_the_background(
    router: Any, browser: aiohttp.ClientSession, sns: SimulatedSns, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead, "_AT_ONCE", 3)
    sink.behave(Behaviour(status=422))
    await push(router, sns, 5)
    await all_dead(router, 5)
    sink.behave(Behaviour())
    before = len(sink.arrivals)
    async with browser.post("/replay", data={"all": "1", "rate": "1000"}) as answer:
        text = await answer.text()
        assert "Replay 5 deliveries?" in text
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text)) | {"rate": "1000"}
    assert fields["until"]
    async with browser.post("/replay/confirmed", data=fields, allow_redirects=False) as answer:
        assert answer.status == 303
    await sink.wait_for(before + 5)


async def test_the_times_of_the_filter_of_dead_letters_are_shown_and_named(
    router: Any, browser: aiohttp.ClientSession, sns: SimulatedSns, sink: Sink
) -> None:
    sink.behave(Behaviour(status=422))
    await push(router, sns)
    await all_dead(router, 1)
    async with browser.get("/dead") as answer:
        text = await answer.text()
    assert "<label>made since<input" in text
    assert '<span class="faint">made <time' in text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "no delivery was chosen"),
        ({"id": "x"}, "must be a whole number"),
        ({"id": "1", "rate": "0"}, "the rate is 0, and must be 1 to 10000"),
        ({"all": "1", "since": "never"}, "write an age like 2h"),
    ],
)
@pytest.mark.parametrize("path", ["/replay", "/replay/confirmed"])
async def test_a_wish_that_cannot_be_read_is_told(
    router: Any, browser: aiohttp.ClientSession, path: str, form: dict[str, str], said: str
) -> None:
    async with browser.post(path, data=form) as answer:
        assert answer.status == 400
        assert said in await answer.text()


async def test_of_a_delivery_that_waits_nothing_can_run_again(
    router: Any, browser: aiohttp.ClientSession, sns: SimulatedSns, sink: Sink
) -> None:
    sink.behave(Behaviour(hang=True))
    await push(router, sns)
    async with browser.post("/replay", data={"id": "1"}) as answer:
        assert "None of them can run again" in await answer.text()
    sink.behave(Behaviour())


async def test_an_inbox_that_cannot_be_read_now_is_told(
    router: Any, browser: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: Any) -> None:
        raise Unavailable("inbox_busy", "another process holds the inbox's write lock")

    monkeypatch.setattr("receiver.history.History.since", busy)
    async with browser.get("/") as answer:
        assert answer.status == 503
        assert "another process holds the inbox" in await answer.text()


async def test_no_more_than_so_many_pages_follow(
    router: Any, browser: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_MOST_FOLLOWERS", 1)
    async with browser.get("/live/events") as first:
        assert first.status == 200
        async with browser.get("/live/events") as second:
            assert second.status == 503
    await router.stop()


class WatchedCounts(Mapping[str, int]):
    """The counts of a minute; notes the threads that add them up."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def __getitem__(self, name: str) -> int:
        return {"rule all": 2}[name]

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        self.threads.add(threading.get_ident())
        return iter(["rule all"])


@pytest.mark.parametrize(
    "path", ["/?span=14d", "/rules?span=14d", "/api/v1/rules?since=14d", "/api/v1/stats?since=14d"]
)
async def test_the_minutes_of_two_weeks_are_added_up_beside_the_event_loop(
    router: Any, browser: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    counts = WatchedCounts()

    async def two_weeks(_history: History, at: float) -> list[Minute]:
        return [Minute(int(at) // 60 * 60 + 86400, counts)]

    monkeypatch.setattr(History, "since", two_weeks)
    async with browser.get(path) as answer:
        assert answer.status == 200
    assert counts.threads
    assert threading.get_ident() not in counts.threads


@pytest.mark.parametrize(
    "path", ["/", "/live", "/dead", "/notifications/1", "/deliveries/1", "/api/v1/notifications/1"]
)
async def test_a_time_that_no_calendar_has_breaks_no_page(
    router: Any, browser: aiohttp.ClientSession, sns: SimulatedSns, sink: Sink, path: str
) -> None:
    sink.behave(Behaviour(status=400))
    await push(router, sns)
    await all_dead(router, 1)
    with closing(sqlite3.connect(router.inbox.path)) as connection, connection:
        connection.execute("UPDATE notifications SET event_time = 253402300800.0")
        connection.execute("UPDATE deliveries SET event_time = 253402300800.0")
    async with browser.get(path) as answer:
        assert answer.status == 200, await answer.text()
