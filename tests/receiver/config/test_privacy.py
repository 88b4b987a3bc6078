"""`[privacy]`: what it takes, what it refuses, and what `check` warns of."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from receiver.config import Configuration, load
from receiver.errors import ConfigError
from receiver.privacy.buyer_data import NOTIFICATIONS
from receiver.privacy.paths import FieldPath

SHARED = Path(__file__).parents[3] / "../shared"
SNS = '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:a"]\n'
Written = Callable[..., Any]
RULE = '[handlers.log]\ntype = "log"\n[[rules]]\nname = "a"\nhandlers = ["log"]\n'
CODE = "payload.OrderChangeNotification.Summary.DestinationPostalCode"


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str, rest: str = RULE) -> Configuration:
        (tmp_path / "rules.toml").write_text(SNS + text + rest)
        return load(tmp_path / "rules.toml")

    return write


def warnings(config: Configuration) -> list[str]:
    return [f"{each.key}: {each.message}" for each in config.warnings]


def test_without_the_section_there_is_no_privacy(written: Written) -> None:
    assert written("").privacy is None


def test_fields_of_all_and_of_types_and_of_answers(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", base64.b64encode(bytes(range(32))).decode())
    monkeypatch.setenv("OLD", bytes(32).hex())
    config = written(
        f'[privacy]\ndrop = ["{CODE}"]\nmask = ["attributes.*"]\n'
        'encrypt = { key = { env = "KEY" }, previous_keys = [{ env = "OLD" }] }\n'
        '[privacy.types.OrderChange]\ndrop = ["subject"]\n[privacy.results.log]\nmask = ["order.buyer"]\n'
    )
    assert [path.source for path in config.privacy.fields_of("ORDER_CHANGE").drop] == [CODE, "subject"]
    assert [path.source for path in config.privacy.fields_of("FEE_PROMOTION").mask] == ["attributes.*"]
    protection = config.privacy.protection()
    assert len(protection.seal.keys) == 2
    assert protection.redaction.result(b'{"order": {"buyer": "Ann"}}', "log") == b'{"order":{"buyer":"***"}}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[privacy]\n", "says nothing"),
        ('[privacy]\ndrop = ["payload..x"]\n', "at column 9"),
        ('[privacy]\ndrop = ["seller_id"]\n', "begins with none of payload, message, subject, attributes"),
        ("[privacy]\ndrop = [7]\n", "a path in quotes is expected"),
        ('[privacy]\ndrop = "payload.x"\n', "drop"),
        ('[privacy]\nencrypt = { key = "abc" }\n', "a secret is never written here"),
        ("[privacy]\nencrypt = true\n", "encrypt"),
        ('[privacy]\nencript = { key = { env = "K" } }\n', 'did you mean "encrypt"'),
        (
            '[privacy.types.ORDER_CHANGE]\ndrop = ["subject"]\n[privacy.types.OrderChange]\nmask = ["subject"]\n',
            "stands here twice",
        ),
    ],
)
def test_what_is_wrong_is_said(written: Written, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        written(text)
    assert said in str(caught.value)
    assert "rules.toml:" in str(caught.value)


@pytest.mark.parametrize(("value", "said"), [(None, "KEY is not set"), ("c2hvcnQ=", "is not 32 bytes"), ("ä", "32 by")])
def test_a_key_that_cannot_be_used_says_what_to_do(
    written: Written, monkeypatch: pytest.MonkeyPatch, value: str | None, said: str
) -> None:
    config = written('[privacy]\nencrypt = { key = { env = "KEY" } }\n')
    monkeypatch.delenv("KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("KEY", value)
    with pytest.raises(ConfigError, match=r"\[privacy\] encrypt\.key: ") as caught:
        config.privacy.protection()
    assert said in str(caught.value)
    assert value is None or value not in str(caught.value)


LONG = '[inbox]\nretention = "90d"\n'


def test_data_of_buyers_is_kept_for_thirty_days_at_most(written: Written) -> None:
    found = [each for each in warnings(written(LONG)) if each.startswith("inbox.retention")]
    assert len(found) == len(NOTIFICATIONS)
    assert "90 days, Amazon allows 30" in found[0]
    assert CODE in found[0]
    assert not [each for each in warnings(written('[inbox]\nretention = "30d"\n')) if "retention" in each]


def test_types_that_no_rule_wants_are_not_warned_of(written: Written) -> None:
    rule = RULE + 'match.type = ["ORDER_CHANGE", "FEE_PROMOTION"]\n'
    found = [each for each in warnings(written(LONG, rule)) if each.startswith("inbox.retention")]
    assert len(found) == 1
    assert "ORDER_CHANGE" in found[0]
    assert not [each for each in warnings(written(LONG + f'[privacy]\nmask = ["{CODE}"]\n', rule)) if "90 days" in each]
    whole = LONG + '[privacy.types.ORDER_CHANGE]\ndrop = ["payload.OrderChangeNotification.Summary"]\n'
    assert not [each for each in warnings(written(whole, rule)) if "90 days" in each]


def test_answers_with_data_of_buyers_count_too(written: Written) -> None:
    spapi = (
        '[spapi]\nclient_id = { env = "A" }\nclient_secret = { env = "B" }\n[handlers.order]\ntype = "spapi"\n'
        'operation = "orders.2026-01-01.getOrder"\nparameters = { orderId = "1" }\n'
        '[[rules]]\nname = "a"\nmatch.type = ["FEE_PROMOTION"]\nhandlers = ["order"]\n'
    )
    (found,) = [each for each in warnings(written(LONG, spapi)) if "90 days" in each]
    assert "the answers to handlers.order" in found
    named = LONG + '[privacy.results.order]\ndrop = ["order.recipient"]\n'
    assert not [each for each in warnings(written(named, spapi)) if "90 days" in each]


def test_paths_that_lead_nowhere_and_uses_of_what_is_gone(written: Written) -> None:
    text = (
        '[privacy]\ndrop = ["payload.Nope"]\n[privacy.types.OrderChange]\n'
        'drop = ["payload.OrderChangeNotification.Summary.OrderType"]\n[privacy.types.NO_TYPE]\ndrop = ["subject"]\n'
        '[privacy.results.lgo]\ndrop = ["a"]\n'
    )
    rule = RULE + (
        'match.type = ["ORDER_CHANGE"]\nmatch.payload.OrderChangeNotification.Summary.OrderType = ["x"]\n'
        f'key = "{{{CODE}}}"\n'
    )
    found = "\n".join(warnings(written(text, rule)))
    assert 'privacy.drop[0]: "Nope" does not occur' in found
    assert '"NO_TYPE" is not a notification type' in found
    assert 'privacy.results.lgo: there is no such handler: did you mean "log"' in found
    assert "Summary.OrderType is dropped by [privacy]: it is never there" in found
    assert "rules[0].key" in found
    assert "tells of a buyer" in found


def test_the_list_of_fields_fits_amazons_examples() -> None:
    for type_, carried in NOTIFICATIONS.items():
        for source in carried.fields:
            example = json.loads((SHARED / f"data/spapi/notifications/{type_}.json").read_text())
            payload = example.get("Payload") or example["payload"]
            steps = [step for step in FieldPath.parse(source).steps[1:] if step != "*"]
            assert _reaches(payload, steps), source


def _reaches(value: object, steps: list[str]) -> bool:
    if not steps:
        return True
    if isinstance(value, list):
        return any(_reaches(each, steps) for each in value)
    return isinstance(value, dict) and steps[0] in value and _reaches(value[steps[0]], steps[1:])
