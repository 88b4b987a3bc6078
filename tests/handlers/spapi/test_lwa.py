"""Access tokens: the grants, the cache, one renewal for all, and errors that say what to do."""

import asyncio
import gc
import logging
import weakref
from typing import Any

import httpx
import pytest

from handlers.spapi.accounts import Account, Accounts
from handlers.spapi.errors import LwaError, Unreachable
from handlers.spapi.lwa import Credentials, LwaClient, lifetime
from handlers.spapi.tokenstore import Action, AuditEntry, MemoryTokenStore

SCOPE = "sellingpartnerapi::notifications"


async def test_the_three_grants_as_amazon_wants_them(lwa: LwaClient, amazon: Any, accounts: Accounts) -> None:
    account = await accounts.choose("A1SELLER")
    assert await lwa.access_token(account) == "Atza|1"
    assert await lwa.grantless(SCOPE) == "Atza|2"
    amazon.extra = {"refresh_token": "Atzr|granted"}
    grant = await lwa.exchange("the-code", "https://example.com/callback")
    assert grant.refresh_token == "Atzr|granted"
    client = {"client_id": "client-id-value", "client_secret": "client-secret-value"}
    assert amazon.forms == [
        {"grant_type": "refresh_token", "refresh_token": "refresh-one"} | client,
        {"grant_type": "client_credentials", "scope": SCOPE} | client,
        {"grant_type": "authorization_code", "code": "the-code", "redirect_uri": "https://example.com/callback"}
        | client,
    ]


async def test_a_token_is_kept_until_five_minutes_before_its_end(
    lwa: LwaClient, amazon: Any, accounts: Accounts, clock: Any
) -> None:
    account = await accounts.choose("A1SELLER")
    first = await lwa.access_token(account)
    clock.now += 3299
    assert await lwa.access_token(account) == first
    clock.now += 1
    assert await lwa.access_token(account) != first
    assert amazon.issued == 2


async def test_two_hundred_who_ask_at_once_cause_one_renewal(lwa: LwaClient, amazon: Any, accounts: Accounts) -> None:
    account = await accounts.choose("A1SELLER")
    tokens = await asyncio.gather(*(lwa.access_token(account) for _ in range(200)))
    assert set(tokens) == {"Atza|1"}
    assert amazon.issued == 1


async def test_only_the_refused_token_is_discarded(lwa: LwaClient, amazon: Any, accounts: Accounts) -> None:
    account = await accounts.choose("A1SELLER")
    first = await lwa.access_token(account)
    lwa.discard(account.id, "another")
    assert await lwa.access_token(account) == first
    lwa.discard(account.id, first)
    assert await lwa.access_token(account) == "Atza|2"


async def test_a_changed_refresh_token_is_kept(
    lwa: LwaClient, amazon: Any, accounts: Accounts, store: MemoryTokenStore, clock: Any
) -> None:
    account = await accounts.choose("A1SELLER")
    amazon.extra = {"refresh_token": "refresh-new"}
    await lwa.access_token(account)
    clock.now += 3600
    await lwa.access_token(account)
    assert [form["refresh_token"] for form in amazon.forms] == ["refresh-one", "refresh-new"]
    actions = [entry.action for entry in store.entries]
    assert actions == [Action.READ, Action.REFRESH, Action.CHANGE, Action.READ, Action.REFRESH]


async def test_a_changed_refresh_token_is_kept_also_where_the_audit_log_cannot_be_written(
    lwa: LwaClient, amazon: Any, accounts: Accounts, store: MemoryTokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await accounts.choose("A1SELLER")
    amazon.extra = {"refresh_token": "refresh-new"}
    audit = store.audit

    async def full(entry: AuditEntry) -> None:
        if entry.action is Action.REFRESH:
            raise OSError("the disk is full")
        await audit(entry)

    monkeypatch.setattr(store, "audit", full)
    with pytest.raises(OSError, match="the disk is full"):
        await lwa.access_token(account)
    assert await accounts.refresh_token(account) == "refresh-new"
    assert await lwa.access_token(account) == "Atza|1"


async def test_without_a_key_a_changed_refresh_token_is_warned_of(
    amazon: Any, http: httpx.AsyncClient, secret: Any, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    account = Account("A1", "na", (), secret("refresh-one"))
    accounts = Accounts(MemoryTokenStore(), None, [account], clock=clock, who="tests")
    credentials = Credentials(secret("i"), secret("s"))
    lwa = LwaClient(
        http, credentials, accounts, endpoint=f"{amazon.url}/auth/o2/token", clock=clock, log=logging.getLogger("tests")
    )
    amazon.extra = {"refresh_token": "refresh-new"}
    await lwa.access_token(account)
    warned = [record for record in caplog.records if record.message == "refresh_token_not_kept"]
    assert [record.__dict__["facts"] for record in warned] == [{"account": "A1@na", "set": "spapi.key"}]


@pytest.mark.parametrize(
    ("status", "code", "cure", "retryable"),
    [
        (400, "invalid_grant", "authorize the account again", False),
        (401, "invalid_client", "set the current ones", False),
        (400, "unauthorized_client", "belong to the same application", False),
        (400, "invalid_scope", "give it the role", False),
        (400, "surprise", "check the application's credentials", False),
        (429, "slow_down", "try again later", True),
        (500, "server_error", "try again later", True),
    ],
)
async def test_refusals_say_what_to_do(
    lwa: LwaClient, amazon: Any, accounts: Accounts, status: int, code: str, cure: str, retryable: bool
) -> None:
    said = "no good: refresh-one, client-secret-value"
    amazon.lwa_answers = [(status, {"error": code, "error_description": said}, {})]
    with pytest.raises(LwaError) as caught:
        await lwa.access_token(await accounts.choose("A1SELLER"))
    text = str(caught.value)
    assert f"Login with Amazon answered {status}: {code}: no good: ***, ***" in text
    assert cure in text
    assert (caught.value.code, caught.value.status, caught.value.retryable) == (code, status, retryable)


@pytest.mark.parametrize(
    "answer",
    [{}, [], "text", {"access_token": ""}, {"access_token": 7}, {"access_token": "Atza|a\r\nb"}, {"access_token": "ü"}],
)
async def test_an_answer_without_a_token(lwa: LwaClient, amazon: Any, accounts: Accounts, answer: Any) -> None:
    amazon.lwa_answers = [(200, answer, {})]
    with pytest.raises(LwaError, match="200 without an access token"):
        await lwa.access_token(await accounts.choose("A1SELLER"))


async def test_a_code_that_brings_no_refresh_token(lwa: LwaClient) -> None:
    with pytest.raises(LwaError, match="without a refresh token"):
        await lwa.exchange("code")


async def test_a_failed_early_renewal_goes_on_with_the_token_that_still_lasts(
    lwa: LwaClient, amazon: Any, accounts: Accounts, clock: Any
) -> None:
    account = await accounts.choose("A1SELLER")
    first = await lwa.access_token(account)
    clock.now += 3400
    amazon.lwa_answers = [(503, {}, {}), (400, {"error": "invalid_grant"}, {}), (503, {}, {})]
    assert await lwa.access_token(account) == first
    with pytest.raises(LwaError, match="invalid_grant"):
        await lwa.access_token(account)
    clock.now += 200
    with pytest.raises(LwaError, match="503"):
        await lwa.access_token(account)


async def test_a_grant_that_is_revoked_is_asked_for_once_in_a_minute_and_a_new_one_at_once(
    lwa: LwaClient, amazon: Any, accounts: Accounts, clock: Any
) -> None:
    """A backlog of such a seller would take the time of all others, and Amazon slows down who asks in vain."""
    account = await accounts.choose("A1SELLER")
    amazon.lwa_answers = [(400, {"error": "invalid_grant"}, {})]
    said = set()
    for _ in range(100):
        with pytest.raises(LwaError, match="authorize the account again") as caught:
            await lwa.access_token(account)
        said.add((str(caught.value), caught.value.code, caught.value.status, caught.value.retryable))
    assert len(said) == len(amazon.forms) == 1
    assert await lwa.access_token(await accounts.choose("A2SELLER")) == "Atza|1"
    clock.now += 60.0
    amazon.lwa_answers = [(400, {"error": "invalid_grant"}, {})]
    with pytest.raises(LwaError, match="invalid_grant"):
        await lwa.access_token(account)
    assert len(amazon.forms) == 3
    await accounts.replace(account, "refresh-one", "refresh-new")
    assert await lwa.access_token(account) == "Atza|2"


async def test_a_grant_that_is_revoked_holds_on_to_nothing_of_those_who_asked_for_it(
    lwa: LwaClient, amazon: Any, accounts: Accounts
) -> None:
    class Document:
        """What a delivery carries, up to 256 KiB of it."""

    async def ask() -> "weakref.ref[Document]":
        document = Document()
        with pytest.raises(LwaError, match="invalid_grant"):
            await lwa.access_token(account)
        return weakref.ref(document)

    account = await accounts.choose("A1SELLER")
    amazon.lwa_answers = [(400, {"error": "invalid_grant"}, {})]
    asked = await asyncio.gather(*(ask() for _ in range(10)))
    gc.collect()
    assert [each() for each in asked] == [None] * 10
    assert len(amazon.forms) == 1


async def test_an_endpoint_that_is_not_there(
    http: httpx.AsyncClient, accounts: Accounts, secret: Any, clock: Any
) -> None:
    credentials = Credentials(secret("id"), secret("client-secret-value"))
    lwa = LwaClient(
        http, credentials, accounts, endpoint="http://127.0.0.1:1/token", clock=clock, log=logging.getLogger("tests")
    )
    with pytest.raises(Unreachable, match=r"Login with Amazon at http://127\.0\.0\.1:1/token: ConnectError") as caught:
        await lwa.access_token(await accounts.choose("A1SELLER"))
    assert caught.value.retryable
    assert caught.value.__cause__ is None


async def test_a_token_of_a_minute_is_not_renewed_on_every_call(
    lwa: LwaClient, amazon: Any, accounts: Accounts, clock: Any
) -> None:
    amazon.extra = {"expires_in": 60}
    account = await accounts.choose("A1SELLER")
    await lwa.access_token(account)
    clock.now += 53
    await lwa.access_token(account)
    assert amazon.issued == 1
    clock.now += 2
    await lwa.access_token(account)
    assert amazon.issued == 2


@pytest.mark.parametrize("seconds", [None, "3600", 0, -5, True, float("nan"), float("inf")])
def test_a_lifetime_that_makes_no_sense_is_an_hour(seconds: Any) -> None:
    assert lifetime(seconds) == 3600.0
