"""A seller's consent from the URL to the stored account, with a stand-in for Amazon and the real daemon."""

import asyncio
import functools
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest

from handlers.spapi.accounts import Account, Accounts
from handlers.spapi.errors import AccountError, RegionError
from handlers.spapi.vault import Vault
from receiver.config import SpapiSettings, load
from receiver.consent import Wish, ask
from receiver.errors import ConfigError
from receiver.inbox import SqliteInbox
from receiver.inbox.consents import Consents
from receiver.inbox.tokens import InboxTokens
from receiver.simulators.spapi import Settings, SimulatedSpapi

KEY = "00" * 32
SELLER = "A0001SIMULATED"
CALLBACK = "/authorize/callback"
Query = dict[str, str] | list[tuple[str, str]]


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Page:
    status: int
    text: str
    headers: Any


class Scene:
    """A daemon, Amazon's stand-in, and the browser between them."""

    def __init__(self, router: Any, amazon: SimulatedSpapi, browser: aiohttp.ClientSession, clock: Clock) -> None:
        self.router = router
        self.amazon = amazon
        self.clock = clock
        self._browser = browser

    @property
    def settings(self) -> SpapiSettings:
        found: SpapiSettings = self.router.daemon.config.spapi
        return found

    @property
    def tokens(self) -> InboxTokens:
        return InboxTokens(self.router.inbox)

    async def ask(self, wish: Wish | None = None) -> str:
        """As the command line does: beside the daemon, in a connection of its own."""
        beside = await SqliteInbox.attach(self.router.inbox.path)
        wish = wish or Wish(marketplace="US")
        url = await ask(self.settings, Consents(beside), wish, self.clock(), "authorize, uid 7")
        await beside.close()
        return url

    async def consent(self, url: str, seller: str = SELLER) -> dict[str, str]:
        """What Amazon sends the browser back with."""
        parts = urlsplit(url)
        fields = dict(parse_qsl(parts.query)) | {"selling_partner_id": seller}
        where = fields.setdefault("redirect_uri", "http://127.0.0.1/none")
        target = f"{parts.scheme}://{parts.netloc}{parts.path}?{urlencode(fields)}"
        async with self._browser.get(target, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            location = urlsplit(answer.headers["Location"])
        assert f"{location.scheme}://{location.netloc}{location.path}" == where
        return dict(parse_qsl(location.query))

    async def back(self, query: Query, method: str = "GET", path: str = CALLBACK) -> Page:
        url = f"http://{self.router.daemon.addresses[0]}{path}?{urlencode(query)}"
        async with self._browser.request(method, url) as answer:
            return Page(answer.status, await answer.text(), answer.headers)


def rules(amazon: SimulatedSpapi, more: str = "", key: str = 'key = { env = "TOKEN_KEY" }') -> str:
    url = amazon.url
    return (
        f'[spapi]\nclient_id = {{ env = "LWA_ID" }}\nclient_secret = {{ env = "LWA_SECRET" }}\n{key}\n'
        'application_id = "amzn1.sp.solution.test"\nredirect_uri = "http://127.0.0.1/authorize/callback"\n'
        f'endpoints = {{ lwa = "{amazon.lwa_url}", na = "{url}", eu = "{url}", central = "{url}" }}\n{more}\n'
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def amazon(clock: Clock) -> AsyncIterator[SimulatedSpapi]:
    async with SimulatedSpapi(Settings(sellers=3, orders=1), clock=clock) as started:
        yield started


@pytest.fixture
async def start(
    start_router: Any, write_rules: Any, amazon: SimulatedSpapi, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Any]]:
    monkeypatch.setenv("LWA_ID", amazon.settings.client_id)
    monkeypatch.setenv("LWA_SECRET", amazon.settings.client_secret)
    monkeypatch.setenv("TOKEN_KEY", KEY)
    monkeypatch.setenv("REFRESH", amazon.settings.refresh_token(1))
    async with aiohttp.ClientSession() as browser:

        async def begin(more: str = "", **keys: str) -> Scene:
            router = await start_router(write_rules(rules(amazon, more, **keys)), clock=clock)
            return Scene(router, amazon, browser, clock)

        yield begin


@pytest.fixture
async def scene(start: Callable[..., Any]) -> Scene:
    started: Scene = await start()
    return started


async def test_a_consent_ends_in_an_account_the_daemon_calls_for(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    query = await scene.consent(await scene.ask())
    page = await scene.back(query)
    assert (page.status, "The account is connected" in page.text) == (200, True)
    (record,) = await scene.tokens.list()
    assert (record.account_id, record.marketplaces) == (f"{SELLER}@na", ())
    client = await scene.router.parts.spapi.of(scene.settings).get()
    answer = await client.call("sellers.getMarketplaceParticipations", account=SELLER)
    assert answer.status == 200
    entries = [(entry.who, str(entry.action)) for entry in await scene.tokens.entries()][::-1]
    added = ("consent, asked for by authorize, uid 7", "add")
    assert entries == [added, ("daemon", "read"), ("daemon", "refresh")]
    said = "\n".join(f"{record.getMessage()} {record.__dict__.get('facts')}" for record in caplog.records)
    for secret in (query["spapi_oauth_code"], query["state"], scene.amazon.settings.refresh_token(1), KEY):
        assert secret not in said
    assert "account_authorized" in said


async def test_the_running_daemon_notices_accounts_that_come_and_go(scene: Scene) -> None:
    client = await scene.router.parts.spapi.of(scene.settings).get()
    call = functools.partial(client.call, "sellers.getMarketplaceParticipations", account="A0002SIMULATED")
    with pytest.raises(AccountError, match="no SP-API account"):
        await call()
    beside = await SqliteInbox.attach(scene.router.inbox.path)
    accounts = Accounts(InboxTokens(beside), Vault(bytes(32)), clock=scene.clock, who="tests")
    account = Account("A0002SIMULATED", "na")
    await accounts.add(account, scene.amazon.settings.refresh_token(2))
    assert (await call()).status == 200
    assert await accounts.remove(account)
    await beside.close()
    scene.clock.now += 31.0
    with pytest.raises(AccountError, match="no SP-API account"):
        await call()


def everything_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


async def test_neither_token_nor_code_nor_state_is_on_disk_in_clear(scene: Scene, tmp_path: Path) -> None:
    query = await scene.consent(await scene.ask())
    assert (await scene.back(query)).status == 200
    await scene.tokens.refreshed_at(f"{SELLER}@na")
    written = await asyncio.to_thread(everything_in, tmp_path)
    assert SELLER.encode() in written
    clear = [scene.amazon.settings.refresh_token(1), "Atzr|", query["spapi_oauth_code"], query["state"]]
    assert [text for text in clear if text.encode() in written] == []


async def test_the_pages_are_neither_cached_nor_framed_and_reflect_nothing(scene: Scene) -> None:
    hostile = '"><script>alert(1)</script>'
    fields = {"state": hostile, "spapi_oauth_code": hostile, "selling_partner_id": hostile, hostile: hostile}
    for query in (fields, fields | dict(parse_qsl(urlsplit(await scene.ask()).query))):
        page = await scene.back(query)
        assert page.status == 400
        assert "script" not in page.text
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_a_state_works_once(scene: Scene) -> None:
    url = await scene.ask()
    assert (await scene.back(await scene.consent(url))).status == 200
    again = await scene.back(await scene.consent(url, "A0002SIMULATED"))
    assert (again.status, "This link has been used" in again.text) == (410, True)
    assert [record.seller_id for record in await scene.tokens.list()] == [SELLER]


async def test_a_state_lives_ten_minutes(scene: Scene) -> None:
    first, second = await scene.ask(), await scene.ask()
    scene.clock.now += 599.0
    assert (await scene.back(await scene.consent(first))).status == 200
    scene.clock.now += 1.0
    late = await scene.back(await scene.consent(second, "A0002SIMULATED"))
    assert (late.status, "This link has ended" in late.text) == (410, True)
    assert [record.seller_id for record in await scene.tokens.list()] == [SELLER]


async def test_a_state_that_was_not_made_here(scene: Scene) -> None:
    query = await scene.consent(await scene.ask())
    for state in ("", "x" * 43, query["state"] + "x", query["state"][:-1], "%00", "\u2603"):
        page = await scene.back(query | {"state": state})
        assert (page.status, "This link is not valid" in page.text) == (400, True)
    twice = [*query.items(), ("state", query["state"])]
    assert (await scene.back(twice)).status == 400
    assert (await scene.back({})).status == 400
    assert (await scene.back(query)).status == 200


async def test_a_way_back_without_a_code_leaves_the_link_good(scene: Scene) -> None:
    query = await scene.consent(await scene.ask())
    for missing in ("spapi_oauth_code", "selling_partner_id"):
        page = await scene.back({name: value for name, value in query.items() if name != missing})
        assert (page.status, "Amazon sent no code back" in page.text) == (400, True)
    for seller in ("A1@eu", "../x", "", "x" * 65):
        assert (await scene.back(query | {"selling_partner_id": seller})).status == 400
    head = await scene.back(query, "HEAD")
    assert (head.text, await scene.tokens.list()) == ("", [])
    assert (await scene.back(query)).status == 200


async def test_a_code_that_ended_is_refused_by_amazon(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    query = await scene.consent(await scene.ask())
    scene.clock.now += 301.0
    page = await scene.back(query)
    assert (page.status, "Amazon refused the code" in page.text) == (502, True)
    assert await scene.tokens.list() == []
    facts = [record.__dict__["facts"] for record in caplog.records if record.getMessage() == "consent_failed"]
    assert "invalid_grant" in facts[0]["error"]
    assert query["spapi_oauth_code"] not in str(facts)


async def test_amazon_out_of_reach_lets_the_page_be_reloaded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    query = await scene.consent(await scene.ask())
    monkeypatch.delenv("LWA_SECRET")
    page = await scene.back(query)
    assert (page.status, "Reload this page" in page.text) == (503, True)
    monkeypatch.setenv("LWA_SECRET", scene.amazon.settings.client_secret)
    assert (await scene.back(query)).status == 200


async def test_a_link_for_one_seller_is_no_other_sellers(scene: Scene) -> None:
    url = await scene.ask(Wish(marketplace="US", seller_id="A0002SIMULATED"))
    page = await scene.back(await scene.consent(url))
    assert (page.status, "for another account" in page.text) == (403, True)
    assert (await scene.back(await scene.consent(url, "A0002SIMULATED"))).status == 200


async def test_a_connected_account_is_connected_anew_by_a_link_that_names_it(scene: Scene) -> None:
    assert (await scene.back(await scene.consent(await scene.ask()))).status == 200
    (before,) = await scene.tokens.list()
    page = await scene.back(await scene.consent(await scene.ask()))
    assert (page.status, "connected already" in page.text) == (409, True)
    assert await scene.tokens.list() == [before]
    scene.clock.now += 60.0
    url = await scene.ask(Wish(marketplace="US", seller_id=SELLER))
    assert (await scene.back(await scene.consent(url))).status == 200
    (after,) = await scene.tokens.list()
    assert (after.created_at, after.updated_at) == (before.created_at, before.updated_at + 60.0)


async def test_an_account_of_the_rules_file_is_left_to_it(start: Callable[..., Any]) -> None:
    account = f'[[spapi.accounts]]\nseller_id = "{SELLER}"\nregion = "na"\nrefresh_token = {{ env = "REFRESH" }}'
    scene = await start(account)
    page = await scene.back(await scene.consent(await scene.ask()))
    assert (page.status, "rules file, which wins" in page.text) == (409, True)
    eu = await scene.back(await scene.consent(await scene.ask(Wish(marketplace="DE"))))
    assert eu.status == 200
    assert [record.account_id for record in await scene.tokens.list()] == [f"{SELLER}@eu"]


async def test_the_consent_url(scene: Scene, tmp_path: Path) -> None:
    text = scene.router.rules.read_text()
    path = tmp_path / "other.toml"
    path.write_text(text.replace(f', central = "{scene.amazon.url}"', "").replace("[spapi]", "[spapi]\ndraft = true"))
    settings = load(path).spapi
    assert settings
    consents = Consents(scene.router.inbox)
    url = await ask(settings, consents, Wish(marketplace="DE", vendor=True), 0.0, "tests")
    fields = dict(parse_qsl(urlsplit(url).query))
    assert url.startswith("https://vendorcentral.amazon.de/apps/authorize/consent?")
    assert len(fields.pop("state")) >= 43
    assert fields == {
        "application_id": "amzn1.sp.solution.test",
        "redirect_uri": "http://127.0.0.1/authorize/callback",
        "version": "beta",
    }
    assert "sellercentral-europe.amazon.com/" in await ask(settings, consents, Wish(region="eu"), 0.0, "tests")
    with pytest.raises(RegionError, match="belongs to region eu"):
        await ask(settings, consents, Wish(marketplace="DE", region="na"), 0.0, "tests")
    with pytest.raises(ConfigError, match="--marketplace DE, or --region eu"):
        await ask(settings, consents, Wish(), 0.0, "tests")
    for missing in ("key", "application_id"):
        with pytest.raises(ConfigError, match=rf"set `{missing}"):
            await ask(settings.model_copy(update={missing: None}), consents, Wish(region="eu"), 0.0, "tests")


async def test_a_reload_moves_and_removes_the_page(scene: Scene) -> None:
    text = scene.router.rules.read_text()
    scene.router.rules.write_text(text.replace("/authorize/callback", "/elsewhere"))
    await scene.router.daemon.reload(scene.router.parts)
    assert (await scene.back({}, path=CALLBACK)).status == 404
    assert "not valid" in (await scene.back({}, path="/elsewhere")).text
    scene.router.rules.write_text(text.replace('application_id = "amzn1.sp.solution.test"', ""))
    await scene.router.daemon.reload(scene.router.parts)
    assert (await scene.back({}, path="/elsewhere")).status == 404


async def test_an_inbox_that_is_locked_lets_the_page_be_reloaded(scene: Scene) -> None:
    query = await scene.consent(await scene.ask())
    other = sqlite3.connect(scene.router.inbox.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    page = await scene.back(query)
    other.close()
    assert (page.status, "Reload this page" in page.text) == (503, True)
    assert (await scene.back(query)).status == 200


async def test_what_nobody_foresaw_is_a_page_without_a_trace(scene: Scene) -> None:
    query = await scene.consent(await scene.ask())
    await scene.router.inbox.close()
    page = await scene.back(query)
    assert (page.status, "Something is wrong here" in page.text) == (500, True)
    assert "Traceback" not in page.text
