"""What the doctor finds between the application and Amazon."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from handlers import registry
from handlers.spapi.accounts import Account, Accounts
from handlers.spapi.document_files import mark_of
from handlers.spapi.vault import Vault
from receiver.config import load
from receiver.doctor import Verdict
from receiver.inbox import DeliveryFilter, Entry, Route, SqliteInbox
from receiver.inbox.tokens import InboxTokens
from receiver.notification import Envelope, read
from receiver.setup.destinations import Destinations
from receiver.setup.kinds import KINDS
from receiver.setup.resources import Queue
from receiver.setup.subscriptions import Subscriptions, Wanted
from receiver.simulators.sns import SimulatedSns
from receiver.simulators.spapi import Settings, SimulatedSpapi
from receiver.spapi import connect

KEY, OTHER_KEY = (base64.b64encode(bytes([number] * 32)).decode() for number in (1, 2))
QUEUE = "arn:aws:sqs:us-east-1:123456789012:q"
RULE = '[[rules]]\nname = "orders"\nmatch.type = ["ORDER_CHANGE"]\nhandlers = ["order"]\n'


@pytest.fixture
async def amazon() -> AsyncIterator[SimulatedSpapi]:
    """A stand-in whose plan for getOrder is a call in 200 s, after the first thirty."""
    async with SimulatedSpapi(Settings(sellers=2, plan_factor=0.01)) as simulated:
        yield simulated


@pytest.fixture
def section(amazon: SimulatedSpapi, tmp_path: Path) -> Callable[..., str]:
    """Writes the section [spapi], its secrets in files; a secret can be given another value."""

    def write(*, key: str | None = None, **values: str) -> str:
        settings = amazon.settings
        usual = {"id": settings.client_id, "secret": settings.client_secret, "token": settings.refresh_token(1)}
        for name, value in {**usual, "key": key or KEY, **values}.items():
            (tmp_path / name).write_text(value)
        return (
            '[spapi]\nclient_id = { file = "id" }\nclient_secret = { file = "secret" }\n'
            + ('key = { file = "key" }\n' if key else "")
            + f'endpoints = {{ lwa = "{amazon.lwa_url}", na = "{amazon.url}" }}\n'
            f'[[spapi.accounts]]\nseller_id = "{settings.seller_id(1)}"\nregion = "na"\n'
            'refresh_token = { file = "token" }\n[handlers.order]\ntype = "order"\n' + RULE
        )

    return write


def written(tmp_path: Path, rest: str) -> Path:
    rules = tmp_path / "rules.toml"
    topics = '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:t"]\n'
    rules.write_text(f'{topics}[server]\nadmin = "127.0.0.1:0"\n[inbox]\ndatabase = "sqlite:inbox.db"\n{rest}')
    return rules


async def seal(tmp_path: Path, key: str, seller: str) -> None:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    try:
        vault = Vault(base64.b64decode(key))
        accounts = Accounts(InboxTokens(inbox), vault, clock=time.time, who="tests")
        await accounts.add(Account(seller, "na"), "Atzr|simulated-0002")
    finally:
        await inbox.close()


async def checked(look: Any, rules: Path, check: str) -> list[tuple[Verdict, str, str]]:
    found = await look(rules, offline=False)
    return [(result.verdict, result.detail, result.cure) for result in found[check]]


async def test_credentials_that_hold(look: Any, section: Callable[..., str], tmp_path: Path) -> None:
    (result,) = await checked(look, written(tmp_path, section()), "credentials")
    assert result == (Verdict.OK, "Login with Amazon gives tokens for the application and 1 account", "")


async def test_a_wrong_client_secret_is_explained_once(look: Any, section: Callable[..., str], tmp_path: Path) -> None:
    ((verdict, detail, cure),) = await checked(look, written(tmp_path, section(secret="old")), "credentials")
    assert verdict is Verdict.FINDING
    assert detail == "Login with Amazon answered 401: invalid_client: Client authentication failed"
    assert cure == "the client id or the client secret is wrong, or the secret was rotated: set the current ones"


async def test_a_revoked_token_names_its_account(look: Any, section: Callable[..., str], tmp_path: Path) -> None:
    ((verdict, detail, cure),) = await checked(look, written(tmp_path, section(token="Atzr|gone")), "credentials")
    assert verdict is Verdict.FINDING
    assert detail.startswith("A0001SIMULATED@na: Login with Amazon answered 400: invalid_grant")
    assert "spapi-router authorize" in cure
    assert "Atzr" not in detail + cure


async def test_a_secret_that_is_not_there_is_left_to_the_check_of_secrets(
    look: Any, section: Callable[..., str], tmp_path: Path
) -> None:
    rules = written(tmp_path, section())
    (tmp_path / "secret").unlink()
    ((verdict, detail, _),) = await checked(look, rules, "credentials")
    assert verdict is Verdict.SKIPPED
    assert "cannot be read" in detail


async def test_tokens_open_with_the_key_that_sealed_them(
    look: Any, section: Callable[..., str], tmp_path: Path, amazon: SimulatedSpapi
) -> None:
    await seal(tmp_path, KEY, amazon.settings.seller_id(2))
    rules = written(tmp_path, section(key=KEY))
    assert await checked(look, rules, "tokens") == [(Verdict.OK, "1 of the inbox, and all open", "")]
    (credentials,) = await checked(look, rules, "credentials")
    assert credentials[1].endswith("and 2 accounts")


@pytest.mark.parametrize(
    ("key", "said"), [(OTHER_KEY, "which is not here"), (None, "no spapi.key opens them"), ("short", "is not 32 bytes")]
)
async def test_tokens_that_do_not_open(
    look: Any, section: Callable[..., str], tmp_path: Path, key: str | None, said: str
) -> None:
    await seal(tmp_path, KEY, "A9OTHER")
    ((verdict, detail, cure),) = await checked(look, written(tmp_path, section(key=key)), "tokens")
    assert verdict is Verdict.FINDING
    assert said in detail
    assert cure


async def test_what_sp_api_does_not_send_and_then_does(look: Any, section: Callable[..., str], tmp_path: Path) -> None:
    rules = written(tmp_path, section())
    before = await checked(look, rules, "SP-API sends")
    assert [verdict for verdict, _, _ in before] == [Verdict.WARNING, Verdict.WARNING]
    assert before[0][1] == "the application has no destination in region na: SP-API sends nothing from it"
    assert before[1][1] == "A0001SIMULATED@na is not subscribed to ORDER_CHANGE"
    assert "spapi-router subscribe ORDER_CHANGE --account A0001SIMULATED@na" in before[1][2]
    settings = load(rules).spapi
    assert settings is not None
    async with connect(settings, "tests") as client:
        destinations = Destinations(client, registry.spapi(), "na")
        made, _ = await destinations.ensure(Queue.parse(QUEUE), "q")
        (account,) = await client.accounts.every()
        wanted = Wanted(KINDS["ORDER_CHANGE"], str(made["destinationId"]))
        await Subscriptions(client, registry.spapi(), account).ensure(wanted, replace=False)
    (after,) = await checked(look, rules, "SP-API sends")
    assert after == (Verdict.OK, "ORDER_CHANGE: subscribed for 1 account", "")


async def test_without_a_section_nothing_is_looked_at(look: Any, tmp_path: Path) -> None:
    found = await look(written(tmp_path, '[handlers.log]\ntype = "log"\n[[rules]]\nname = "a"\nhandlers = ["log"]\n'))
    for check in ("tokens", "SP-API refuses", "usage plans", "reports"):
        assert [result.verdict for result in found[check]] == [Verdict.SKIPPED]


def change(order: str) -> dict[str, Any]:
    notification = {"AmazonOrderId": order, "SellerId": "A0001SIMULATED", "Summary": {"OrderStatus": "Unshipped"}}
    return {
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": "2026-01-01T00:00:00Z",
        "Payload": {"OrderChangeNotification": notification},
        "NotificationMetadata": {"NotificationId": str(uuid4())},
    }


async def test_the_running_daemon_tells_of_refusals_and_of_full_plans(
    look: Any,
    section: Callable[..., str],
    write_rules: Callable[..., str],
    start_router: Any,
    sns: SimulatedSns,
    amazon: SimulatedSpapi,
) -> None:
    router = await start_router(write_rules(section()))
    orders = ["111-1111111-0000000", *(f"111-1111111-{number:07d}" for number in range(1, 93))]
    for order in orders:
        assert (await sns.publish(router.url, change(order))).taken
    async with asyncio.timeout(20):
        while sum(amazon.amazon.statistics.calls.values()) < 29 or not router.parts.spapi.usage()[0].waiting:
            await asyncio.sleep(0.02)
    found = await look(router.rules, offline=True)
    ((refused,), (full,)) = found["SP-API refuses"], found["usage plans"]
    assert refused.verdict is Verdict.FINDING
    assert refused.detail == (
        "orders.2026-01-01.getOrder was answered 404 1 times in the last hour, for A0001SIMULATED@na"
    )
    assert refused.cure == "check the identifiers, and that they belong to this account and marketplace"
    assert full.verdict is Verdict.WARNING
    assert "of the plan of orders.2026-01-01.getOrder for A0001SIMULATED@na was used within 5 minutes" in full.detail
    assert "what waits is worked off in" in full.detail


async def test_a_report_that_does_not_end(look: Any, section: Callable[..., str], tmp_path: Path) -> None:
    handler = '[handlers.reports]\ntype = "report"\ndirectory = "reports"\ngive_up = "2h"\n'
    rules = written(tmp_path, section() + handler + '[[rules]]\nname = "b"\nhandlers = ["reports"]\n')
    requests = tmp_path / "handlers" / "reports" / "requests"
    requests.mkdir(parents=True)
    for name, age in (("stuck", 3600.0), ("young", 60.0)):
        fields = {"report_id": name, "at": time.time() - age}
        (requests / f"{name}.json").write_bytes(orjson.dumps(fields))
    (requests / "torn.json").write_text("{")
    ((verdict, detail, cure),) = await checked(look, rules, "reports")
    assert verdict is Verdict.WARNING
    assert detail.startswith(
        "report stuck was asked for 60 minutes ago by 'reports' and is not done; 'reports' gives it"
    )
    assert "spapi-router call reports.getReport reportId=stuck" in cure


async def test_a_report_whose_delivery_has_ended_is_not_waited_for(
    look: Any, section: Callable[..., str], tmp_path: Path
) -> None:
    handler = '[handlers.reports]\ntype = "report"\ndirectory = "reports"\n'
    rules = written(tmp_path, section() + handler + '[[rules]]\nname = "b"\nhandlers = ["reports"]\n')
    requests = tmp_path / "handlers" / "reports" / "requests"
    requests.mkdir(parents=True)
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    try:
        for key in (None, "k", "k", None, None):
            await inbox.accept([entry(change("111-1111111-0000000"), Route("b", "reports", key=key))])
        await inbox.claim("reports", 1, time.time(), 30.0)
        rows = {row.id: row for row in await inbox.deliveries(DeliveryFilter())}
        assert [rows[id_].state for id_ in (1, 2, 3, 4)] == ["running", "waiting", "blocked", "waiting"]
        for row in rows.values():
            asked = {"report_id": f"report-{row.id}", "at": time.time() - 3600.0 - row.id}
            (requests / f"{mark_of(row.webhook_id)}.json").write_bytes(orjson.dumps(asked))
        await inbox.cancel(DeliveryFilter(ids=(5,)), time.time(), "cancelled by hand")
        assert await stuck(look, rules) == ["report-4", "report-3", "report-2", "report-1"]
        await inbox.cancel(DeliveryFilter(), time.time(), "cancelled by hand")
    finally:
        await inbox.close()
    assert await checked(look, rules, "reports") == [(Verdict.OK, "0 are waited for, none longer than 30 minutes", "")]


async def stuck(look: Any, rules: Path) -> list[str]:
    return [detail.split()[1] for _, detail, _ in await checked(look, rules, "reports")]


def entry(notification: dict[str, Any], *routes: Route) -> Entry:
    text = orjson.dumps(notification).decode()
    outer = {"Message": text, "MessageId": str(uuid4()), "TopicArn": "arn:aws:sns:us-east-1:123456789012:t"}
    envelope = Envelope(text, outer["MessageId"], outer["TopicArn"], time.time())
    return Entry(read(envelope)[0], routes, orjson.dumps(outer), time.time())
