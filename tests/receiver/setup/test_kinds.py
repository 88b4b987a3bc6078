"""Which types there are, what carries them, and what they can filter."""

from collections import Counter
from pathlib import Path

import orjson
import pytest

from receiver.notification import normal_type
from receiver.setup.errors import SetupError
from receiver.setup.kinds import KINDS, Filter, kind, same_directive

US = "ATVPDKIKX0DER"


def test_payload_versions_are_those_of_amazons_examples(shared: Path) -> None:
    seen: Counter[str] = Counter()
    for path in (shared / "spapi" / "notifications").glob("*.json"):
        example = {name.lower(): value for name, value in orjson.loads(path.read_bytes()).items()}
        name = normal_type(example["notificationtype"])
        seen[name] += example["payloadversion"] == kind(name).version
    assert len(seen) >= 13
    assert all(seen.values()), seen


def test_six_types_go_to_event_bridge() -> None:
    assert Counter(item.carrier for item in KINDS.values()) == {"event-bridge": 6, "sqs": len(KINDS) - 6}
    assert kind("LISTINGS_ITEM_ISSUES_CHANGE", "2023-12-13").carrier == "event-bridge"
    assert kind("BRAND_NEW_TYPE", "1.0").carrier is None


@pytest.mark.parametrize(
    ("name", "said"),
    [("ORDER_CHANGED", "did you mean ORDER_CHANGE"), ("order_change", "did you mean ORDER_CHANGE"), ("X", "not known")],
)
def test_a_type_that_is_not_known(name: str, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        kind(name)


def test_a_newer_type_must_look_like_one() -> None:
    with pytest.raises(SetupError, match="not known"):
        kind("a/b", "1.0")


def test_directives() -> None:
    assert Filter().directive("REPORT_PROCESSING_FINISHED") is None
    offers = Filter((US,), aggregation="FiveMinutes").directive("ANY_OFFER_CHANGED")
    assert offers == {
        "eventFilter": {
            "eventFilterType": "ANY_OFFER_CHANGED",
            "marketplaceIds": [US],
            "aggregationSettings": {"aggregationTimePeriod": "FiveMinutes"},
        }
    }
    orders = Filter(order_changes=("BuyerRequestedChange",)).directive("ORDER_CHANGE")
    assert orders == {"eventFilter": {"eventFilterType": "ORDER_CHANGE", "orderChangeTypes": ["BuyerRequestedChange"]}}


@pytest.mark.parametrize(
    ("wanted", "name", "option"),
    [
        (Filter((US,)), "FEE_PROMOTION", "--marketplace filters ANY_OFFER_CHANGED and ORDER_CHANGE only"),
        (Filter(aggregation="TenMinutes"), "ORDER_CHANGE", "--aggregate filters ANY_OFFER_CHANGED only"),
        (Filter(order_changes=("OrderStatusChange",)), "ANY_OFFER_CHANGED", "--order-change filters ORDER_CHANGE only"),
    ],
)
def test_a_filter_that_a_type_does_not_take(wanted: Filter, name: str, option: str) -> None:
    with pytest.raises(SetupError, match=option):
        wanted.directive(name)


def test_directives_that_filter_alike() -> None:
    one = {"eventFilter": {"eventFilterType": "ORDER_CHANGE", "marketplaceIds": ["A", "B"]}}
    other = {"eventFilter": {"marketplaceIds": ["B", "A"], "eventFilterType": "ORDER_CHANGE", "orderChangeTypes": None}}
    assert same_directive(one, other)
    assert same_directive(None, {"eventFilter": None})
    assert not same_directive(one, None)
    assert not same_directive(one, {"eventFilter": {"eventFilterType": "ORDER_CHANGE", "marketplaceIds": ["A"]}})
