"""`spapi-router explain`: rules, reasons, requests; a dry run of a changed file over what the inbox holds."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from receiver.cli.explain import command
from receiver.explanation import UnreadableMessage
from receiver.inbox import Entry, SqliteInbox
from receiver.internal import internal_body
from receiver.notification import read_stored

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RULES = """
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]
[inbox]
database = "sqlite:inbox.db"
[handlers.erp]
type = "forward"
url = "https://erp.example.com/orders"
secret = { env = "ERP_SECRET" }
[handlers.archive]
type = "log"
[[rules]]
name = "offers"
match.type = ["ANY_OFFER_CHANGED"]
handlers = ["archive"]
[[rules]]
name = "orders"
match.type = ["ORDER_CHANGE"]
match.payload.OrderChangeNotification.Summary.OrderStatus = ["Unshipped"]
handlers = ["erp"]
key = "{payload.OrderChangeNotification.AmazonOrderId}"
stop = true
[[rules]]
name = "rest"
handlers = ["archive"]
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ERP_SECRET", SECRET)
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


@pytest.fixture
def order(shared: Path) -> Path:
    return shared / "spapi/notifications/ORDER_CHANGE.json"


def explain(rules: Path, *arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(command, [*arguments, "--config", str(rules)], input=text, catch_exceptions=False)


def sns_message(inner: str, message_id: str = "mid-1") -> dict[str, Any]:
    return {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:sp-api-orders",
        "Message": inner,
        "Timestamp": "2026-01-01T00:00:00.000Z",
    }


def test_rules_reasons_and_requests_are_said_and_secrets_are_not(rules: Path, order: Path) -> None:
    result = explain(rules, str(order))
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert any(line.startswith("offers") and 'type is "ORDER_CHANGE"' in line for line in lines)
    assert any(line.startswith("orders") and "fires" in line for line in lines)
    assert any(line.startswith("rest") and "an earlier rule with stop" in line for line in lines)
    assert "POST https://erp.example.com/orders" in result.output
    assert "orders -> erp, key 903-8868176-2219830" in result.output
    assert SECRET not in result.output
    assert SECRET.removeprefix("whsec_") not in result.output


def test_the_shapes_of_a_message_are_explained_alike(rules: Path, order: Path) -> None:
    bare = order.read_text()
    event = json.dumps({"detail-type": "ORDER_CHANGE", "source": "aws.partner/x", "detail": json.loads(bare)})
    seen = []
    for text in (bare, event, json.dumps(sns_message(bare)), json.dumps(sns_message(event))):
        record = json.loads(explain(rules, "-", "--json", text=text).stdout)
        seen.append((record["type"], record["rules"], [each["key"] for each in record["deliveries"]]))
    assert seen[0][0] == "ORDER_CHANGE"
    assert all(each == seen[0] for each in seen)


def test_a_field_that_is_missing_makes_the_delivery_dead_at_once(rules: Path) -> None:
    payload = {"OrderChangeNotification": {"Summary": {"OrderStatus": "Unshipped"}}}
    text = json.dumps({"NotificationType": "ORDER_CHANGE", "Payload": payload})
    result = explain(rules, "-", text=text)
    assert "dead at once" in result.output
    assert "AmazonOrderId" in result.output


def test_wrong_usage_and_unreadable_messages(rules: Path, tmp_path: Path) -> None:
    assert explain(rules).exit_code == 2
    assert explain(rules, "x.json", "--inbox", "1").exit_code == 2
    (tmp_path / "latin.json").write_bytes(b"\xe9")
    for arguments, said in [((str(tmp_path / "latin.json"),), "cannot be read"), (("-",), "not JSON")]:
        with pytest.raises(UnreadableMessage, match=said):
            explain(rules, *arguments, text="{")


@pytest.mark.parametrize("name", ["none.json", "."])
def test_a_file_that_is_not_there_is_wrong_usage(rules: Path, tmp_path: Path, name: str) -> None:
    """As with `verify` and `call --body`."""
    result = explain(rules, str(tmp_path / name))
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{tmp_path / name}: " in result.stderr


def keep(rules: Path, *messages: dict[str, Any]) -> None:
    async def work() -> None:
        inbox = await SqliteInbox.open(rules.parent / "inbox.db")
        bodies = [json.dumps(message).encode() for message in messages]
        await inbox.accept([Entry(read_stored(body, 0), (), body, 4e9) for body in bodies])
        await inbox.close()

    asyncio.run(work())


def test_a_kept_notification_by_its_id(rules: Path, order: Path) -> None:
    keep(rules, sns_message(order.read_text()))
    assert "orders -> erp" in explain(rules, "--inbox", "1").output
    with pytest.raises(Exception, match="no notification 7"):
        explain(rules, "--inbox", "7")


def test_a_changed_file_over_what_the_inbox_holds(rules: Path, order: Path, tmp_path: Path) -> None:
    keep(rules, sns_message(order.read_text()), sns_message("plain", "mid-2"))
    changed = tmp_path / "new.toml"
    changed.write_text(RULES.replace('["Unshipped"]', '["Shipped"]'))
    result = explain(rules, "--against", str(changed))
    assert "- orders -> erp (key 903-8868176-2219830)" in result.output
    assert "+ rest -> archive" in result.output
    assert "2 notifications looked at, 1 would go elsewhere" in result.output
    (record,) = [json.loads(line) for line in explain(rules, "--against", str(changed), "--json").stdout.splitlines()]
    assert (record["id"], record["new"]) == (1, ["rest -> archive"])
    same = explain(rules, "--against", str(rules))
    assert "0 would go elsewhere" in same.output


def test_what_the_daemon_tells_of_itself_goes_only_to_rules_that_ask_for_it(rules: Path, tmp_path: Path) -> None:
    keep(rules, json.loads(internal_body("router.delivery_dead", {"handler": "erp"}, 1.0)))
    said = explain(rules, "--inbox", "1").output
    assert "only a rule that asks for its type" in said
    assert "no rule fires" in said
    asking = tmp_path / "asking.toml"
    asking.write_text(
        RULES + '[[rules]]\nname = "own"\nmatch.type = ["router.delivery_dead"]\nhandlers = ["archive"]\n'
    )
    record = json.loads(explain(asking, "--inbox", "1", "--json").stdout)
    assert [(each["rule"], each["fired"]) for each in record["rules"] if each["matched"]] == [("own", True)]
    assert [each["rule"] for each in record["deliveries"]] == ["own"]
    compared = explain(rules, "--against", str(asking)).output
    assert "+ own -> archive" in compared
    assert "rest" not in compared


def test_a_message_about_a_subscription_is_none_that_rules_see(rules: Path, shared: Path) -> None:
    with pytest.raises(UnreadableMessage, match="SubscriptionConfirmation"):
        explain(rules, str(shared / "sns/subscription-confirmation-signature-v1.json"))


def test_a_handler_that_cannot_say_what_it_would_do_leaves_the_others_to_be_explained(rules: Path) -> None:
    deep = "[" * 1010 + "]" * 1010
    said = explain(rules, "-", text=f'{{"NotificationType": "X", "Payload": {deep}}}').output
    assert "rest -> archive" in said
    rules.write_text(RULES.replace('handlers = ["archive"]', 'handlers = ["erp", "archive"]'))
    said = explain(rules, "-", text=f'{{"NotificationType": "X", "Payload": {deep}}}').output
    assert "nested too deep to be written" in said
    assert "rest -> archive" in said
