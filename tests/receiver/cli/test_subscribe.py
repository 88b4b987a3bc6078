"""Setting notifications up from the command line, against the stand-in for SP-API."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from receiver.cli import cli
from receiver.inbox import SqliteInbox
from receiver.setup.kinds import KINDS
from receiver.simulators.spapi import Settings, SimulatedSpapi

QUEUE = "arn:aws:sqs:us-east-1:123456789012:sp-api"
ACCOUNT = "123456789012"
Run = Callable[..., Awaitable[Result]]

RULES = """
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api"]
[spapi]
client_id = {{ env = "LWA_CLIENT_ID" }}
client_secret = {{ env = "LWA_CLIENT_SECRET" }}
endpoints = {{ lwa = "{lwa}", na = "{url}", eu = "{url}", fe = "{url}" }}
[[spapi.accounts]]
seller_id = "A0001SIMULATED"
region = "na"
refresh_token = {{ env = "REFRESH_TOKEN" }}
[handlers.log]
type = "log"
[[rules]]
name = "all"
handlers = ["log"]
"""


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedSpapi]:
    async with SimulatedSpapi(Settings(plans=False)) as started:
        yield started


@pytest.fixture
def run(simulated: SimulatedSpapi, tmp_path: Path) -> Run:
    made, rules = simulated.settings, tmp_path / "rules.toml"
    rules.write_text(RULES.format(lwa=simulated.lwa_url, url=simulated.url))
    env = {
        "LWA_CLIENT_ID": made.client_id,
        "LWA_CLIENT_SECRET": made.client_secret,
        "REFRESH_TOKEN": made.refresh_token(1),
    }

    async def start(*arguments: str, stdin: str | None = None) -> Result:
        # The command has an event loop of its own, beside the stand-in's.
        words = [*arguments, "--config", str(rules)]
        return await asyncio.to_thread(CliRunner(env=env).invoke, cli, words, input=stdin)

    return start


def lines(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, (result.output, result.exception)
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_a_second_time_changes_nothing(run: Run, simulated: SimulatedSpapi) -> None:
    arguments = ["subscribe", "ORDER_CHANGE", "REPORT_PROCESSING_FINISHED", "--sqs", QUEUE, "--json"]
    first, second = lines(await run(*arguments)), lines(await run(*arguments))
    assert [item["state"] for item in first] == ["created", "created"]
    assert [item["version"] for item in first] == ["1.0", "2020-09-04"]
    assert second == [item | {"state": "unchanged"} for item in first]
    assert simulated.amazon.statistics.calls["notifications.v1.createDestination", 200] == 1
    assert simulated.amazon.statistics.calls["notifications.v1.createSubscription", 200] == 2
    (destination,) = simulated.amazon.world.destinations.values()
    assert destination["resource"] == {"sqs": {"arn": QUEUE}}
    assert destination["name"] == "spapi-router-sp-api"


async def test_types_of_both_kinds_in_one_command(run: Run, simulated: SimulatedSpapi) -> None:
    types = ["ORDER_CHANGE", "LISTINGS_ITEM_STATUS_CHANGE"]
    made = lines(await run("subscribe", *types, "--sqs", QUEUE, "--event-bridge", ACCOUNT, "--json"))
    resources = [simulated.amazon.world.destinations[item["destination"]]["resource"] for item in made]
    assert resources == [{"sqs": {"arn": QUEUE}}, {"eventBridge": {"accountId": ACCOUNT, "region": "us-east-1"}}]


async def test_filters_and_what_has_other_ones(run: Run, simulated: SimulatedSpapi) -> None:
    arguments = ["subscribe", "ORDER_CHANGE", "--sqs", QUEUE, "--json"]
    filtered = [*arguments, "--marketplace", "us", "--order-change", "OrderStatusChange"]
    (made,) = lines(await run(*filtered))
    assert made["filter"] == "marketplaceIds=ATVPDKIKX0DER orderChangeTypes=OrderStatusChange"
    shop = simulated.amazon.world.shops["A0001SIMULATED"]
    assert shop.subscriptions["ORDER_CHANGE"]["processingDirective"] == {
        "eventFilter": {
            "eventFilterType": "ORDER_CHANGE",
            "marketplaceIds": ["ATVPDKIKX0DER"],
            "orderChangeTypes": ["OrderStatusChange"],
        }
    }
    refused = await run(*arguments)
    assert "has a subscription of ORDER_CHANGE that filters otherwise: --replace deletes it" in str(refused.exception)
    (replaced,) = lines(await run(*arguments, "--replace"))
    assert replaced["state"] == "replaced"
    assert replaced["subscription"] != made["subscription"]
    assert "processingDirective" not in shop.subscriptions["ORDER_CHANGE"]


async def test_another_destination_is_not_taken_for_the_same(run: Run) -> None:
    lines(await run("subscribe", "ORDER_CHANGE", "--sqs", QUEUE, "--json"))
    refused = await run("subscribe", "ORDER_CHANGE", "--sqs", f"{QUEUE}-2")
    assert "goes to destination" in str(refused.exception)


async def test_one_type_that_fails_leaves_the_others_alone(run: Run) -> None:
    lines(await run("subscribe", "ORDER_CHANGE", "--sqs", f"{QUEUE}-2", "--json"))
    result = await run("subscribe", "ORDER_CHANGE", "FEE_PROMOTION", "--sqs", QUEUE, "--json")
    assert result.exit_code == 1
    assert [json.loads(line)["type"] for line in result.stdout.splitlines()] == ["FEE_PROMOTION"]
    assert "subscription of ORDER_CHANGE that goes to destination" in str(result.exception)


async def test_an_account_that_the_inbox_keeps(run: Run, tmp_path: Path, simulated: SimulatedSpapi) -> None:
    rules, key = tmp_path / "rules.toml", tmp_path / "key"
    key.write_text("00" * 32)
    text = rules.read_text()
    start, end = text.index("[[spapi.accounts]]"), text.index("[handlers.log]")
    text = (text[:start] + text[end:]).replace("[spapi]", f'[spapi]\nkey = {{ file = "{key}" }}')
    rules.write_text(f'{text}\n[inbox]\ndatabase = "sqlite:inbox.db"\n')
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    await inbox.close()
    missing = await run("subscribe", "ORDER_CHANGE", "--sqs", QUEUE)
    assert "there is no SP-API account" in str(missing.exception)
    token = simulated.settings.refresh_token(1)
    added = await run("accounts", "add", "A0001SIMULATED", "--region", "na", stdin=token)
    assert added.exit_code == 0, added.output
    (made,) = lines(await run("subscribe", "ORDER_CHANGE", "--sqs", QUEUE, "--json"))
    assert (made["state"], made["account"]) == ("created", "A0001SIMULATED@na")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ORDER_CHANGE", "--event-bridge", ACCOUNT], "to an SQS queue, not to EventBridge: add --sqs"),
        (["LISTINGS_ITEM_STATUS_CHANGE", "--sqs", QUEUE], "to EventBridge, not to SQS: add --event-bridge"),
        (["ORDER_CHANGE", "--sqs", QUEUE, "--event-bridge", ACCOUNT], "--event-bridge carries none"),
        (["ORDER_CHANGE", "--sqs", QUEUE, "--event-bridge-region", "eu-west-1"], "goes with --event-bridge"),
        (["ORDER_CHANGED", "--sqs", QUEUE], "did you mean ORDER_CHANGE"),
        (["ORDER_CHANGE", "--sqs", QUEUE, "--marketplace", "DE"], "belongs to region eu"),
        (["ORDER_CHANGE", "--sqs", QUEUE, "--marketplace", "XX"], "--marketplace: there is no 'XX'"),
        (["ORDER_CHANGE", "FEE_PROMOTION", "--sqs", QUEUE, "--marketplace", "US"], "FEE_PROMOTION in a command of its"),
        (["ORDER_CHANGE", "--sqs", QUEUE, "--account", "A9"], "no SP-API account of seller A9"),
    ],
)
async def test_what_cannot_work_makes_nothing(
    run: Run, simulated: SimulatedSpapi, arguments: list[str], said: str
) -> None:
    result = await run("subscribe", *arguments)
    assert result.exit_code == 1
    assert said in str(result.exception)
    assert not simulated.amazon.world.destinations


async def test_subscriptions_are_listed_tested_and_deleted(run: Run) -> None:
    types = ["ORDER_CHANGE", "FEE_PROMOTION"]
    assert lines(await run("subscriptions", "list", *types, "--json")) == []
    (made,) = lines(await run("subscribe", "ORDER_CHANGE", "--sqs", QUEUE, "--json"))
    made.pop("state")
    assert lines(await run("subscriptions", "list", *types, "--json")) == [made]
    table = (await run("subscriptions", "list", "ORDER_CHANGE")).stdout.splitlines()
    assert table[0].split() == ["TYPE", "ACCOUNT", "SUBSCRIPTION", "VERSION", "DESTINATION", "FILTER"]
    assert table[1].split()[:2] == ["ORDER_CHANGE", "A0001SIMULATED@na"]
    sent = await run("subscriptions", "test", "ORDER_CHANGE")
    assert sent.stdout == f"ORDER_CHANGE: a test notification is on its way to destination {made['destination']}\n"
    deleted = lines(await run("subscriptions", "delete", "ORDER_CHANGE", "--json"))
    assert deleted == [{"type": "ORDER_CHANGE", "subscription": made["subscription"], "state": "deleted"}]
    again = await run("subscriptions", "delete", "ORDER_CHANGE")
    assert "A0001SIMULATED@na has no subscription of ORDER_CHANGE" in str(again.exception)


async def test_a_test_notification_needs_the_sandbox(run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    text = rules.read_text()
    start = text.index("endpoints")
    rules.write_text(text[:start] + text[text.index("\n", start) :])
    result = await run("subscriptions", "test", "ORDER_CHANGE")
    assert "from its sandbox only: set `sandbox = true`" in str(result.exception)


async def test_destinations_are_created_listed_and_deleted(run: Run) -> None:
    create = ["destinations", "create", "mine", "--event-bridge", ACCOUNT, "--event-bridge-region", "eu-west-1"]
    (made,) = lines(await run(*create, "--json"))
    assert (made["state"], made["name"], made["resource"]) == ("created", "mine", f"{ACCOUNT} eu-west-1")
    assert lines(await run(*create, "--json"))[0]["state"] == "unchanged"
    clash = await run("destinations", "create", "mine", "--sqs", QUEUE)
    assert "give the destination another name" in str(clash.exception)
    assert (await run("destinations", "create", "both", "--sqs", QUEUE, "--event-bridge", ACCOUNT)).exit_code == 2
    assert [item["name"] for item in lines(await run("destinations", "list", "--json"))] == ["mine"]
    assert lines(await run("destinations", "delete", made["destination"], "--json"))[0]["state"] == "deleted"
    gone = await run("destinations", "delete", made["destination"])
    assert "answered 404" in str(gone.exception)
    empty = await run("destinations", "list")
    assert (empty.stdout, empty.stderr) == ("", "there are no destinations\n")


async def test_a_destination_in_use_is_kept(run: Run) -> None:
    (made,) = lines(await run("subscribe", "ORDER_CHANGE", "--sqs", QUEUE, "--json"))
    refused = await run("destinations", "delete", made["destination"])
    assert "The destination has subscriptions" in str(refused.exception)


@pytest.mark.slow
async def test_every_type_is_asked_for(run: Run, simulated: SimulatedSpapi) -> None:
    lines(await run("subscribe", "PRICING_HEALTH", "--sqs", QUEUE, "--json"))
    assert [item["type"] for item in lines(await run("subscriptions", "list", "--json"))] == ["PRICING_HEALTH"]
    assert simulated.amazon.statistics.calls["notifications.v1.getSubscription", 404] == len(KINDS)


PRINT = ["--print-aws", "cloudformation", "--endpoint", "https://notify.example.com/sns"]


def printed(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["subscribe", *arguments])


def test_the_aws_side_needs_no_rules_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = printed("ORDER_CHANGE", "--sqs", QUEUE, *PRINT)
    assert result.exit_code == 0
    template = json.loads(result.stdout)
    assert template["Resources"]["Queue"]["Properties"]["QueueName"] == "sp-api"
    assert template["Parameters"]["Endpoint"]["Default"] == "https://notify.example.com/sns"
    short = printed("ORDER_CHANGE", "--sqs", QUEUE, "--endpoint", "https://notify.example.com/sns", "--print-aws")
    assert short.stdout == result.stdout
    script = printed("ORDER_CHANGE", "--sqs", QUEUE, *PRINT[2:], "--print-aws", "cli", "--name", "other")
    assert script.stdout.startswith("#!/bin/sh\n")
    assert "aws sns create-topic --name other\n" in script.stdout


async def test_the_event_source_is_named_by_the_rules_file(run: Run, tmp_path: Path, simulated: SimulatedSpapi) -> None:
    arguments = ["subscribe", "LISTINGS_ITEM_STATUS_CHANGE", "--event-bridge", ACCOUNT, *PRINT]
    assert "needs --event-bridge-region" in str((await run(*arguments)).exception)
    arguments += ["--event-bridge-region", "us-east-1"]
    assert "set application_id under [spapi]" in str((await run(*arguments)).exception)
    rules = tmp_path / "rules.toml"
    rules.write_text(rules.read_text().replace("[spapi]", '[spapi]\napplication_id = "amzn1.sp.solution.0a1b"'))
    result = await run(*arguments)
    source = f"aws.partner/sellingpartnerapi.amazon.com/{ACCOUNT}/amzn1.sp.solution.0a1b"
    assert json.loads(result.stdout)["Resources"]["Bus"]["Properties"]["EventSourceName"] == source
    assert not simulated.amazon.world.destinations


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ORDER_CHANGE", "--sqs", QUEUE, "--print-aws"], "--print-aws needs --endpoint"),
        (["ORDER_CHANGE", *PRINT], "to an SQS queue, not to EventBridge"),
        (["ORDER_CHANGE", "--sqs", QUEUE, *PRINT, "--name", "$(x)"], "--name takes a letter"),
        (["ORDER_CHANGE", "--sqs", f"{QUEUE}\nrm", *PRINT], "takes the ARN of a queue"),
    ],
)
def test_what_cannot_be_printed(arguments: list[str], said: str) -> None:
    result = printed(*arguments)
    assert result.exit_code == 1
    assert said in str(result.exception)
    assert result.stdout == ""
