import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from receiver.notification import Envelope, read
from receiver.simulators.errors import SimulationError
from receiver.simulators.sns.envelopes import Shape, wrap
from receiver.simulators.sns.examples import Example, load, of_types
from receiver.simulators.sns.notifications import Freshener

NOW = 1_800_000_000.0
EXAMPLES = load()


def shape_of(value: Any) -> Any:
    """The keys and types of a JSON value, without its texts and numbers."""
    if isinstance(value, dict):
        return {name: shape_of(item) for name, item in value.items()}
    return [shape_of(item) for item in value] if isinstance(value, list) else type(value)


def read_one(message: str) -> Any:
    (notification,) = read(Envelope(message, "m", "arn", NOW))
    return notification


def test_package_data_is_amazons(shared: Path, root: Path) -> None:
    originals = {path.name: path.read_bytes() for path in (shared / "spapi" / "notifications").glob("*.json")}
    copies = {path.name: path.read_bytes() for path in (root / "receiver/simulators/data/notifications").iterdir()}
    assert copies == originals
    assert len(EXAMPLES) == len(originals)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.type)
def test_fresh_notification_is_like_its_example(example: Example) -> None:
    fresh = Freshener(random.Random(1)).freshen(example, NOW)
    assert shape_of(fresh.body) == shape_of(example.notification)
    assert fresh.notification_id != read_one(json.dumps(example.notification)).notification_id


@pytest.mark.parametrize("shape", [Shape.PLAIN, Shape.EVENTBRIDGE, Shape.SQS])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.type)
def test_every_shape_is_read_as_the_notification_that_was_meant(example: Example, shape: Shape) -> None:
    freshener = Freshener(random.Random(2))
    fresh = freshener.freshen(example, NOW)
    for _ in range(4):
        found = read_one(wrap(shape, fresh.type, fresh.body, random.Random(3), freshener.uuid(), NOW))
        assert (found.type, found.notification_id) == (example.type, fresh.notification_id)
        assert NOW - 2 <= found.event_time <= NOW
        assert found.document["message"] == fresh.body


def test_mixed_takes_every_shape() -> None:
    rng = random.Random(4)
    messages = [json.loads(wrap(Shape.MIXED, "T", {"a": 1}, rng, "u", NOW)) for _ in range(60)]
    kinds = {"list" if isinstance(one, list) else next(iter(one)) for one in messages}
    assert kinds == {"a", "version", "messageId", "list"}


def test_ids_stand_in_every_place_of_one_notification() -> None:
    (example,) = of_types(EXAMPLES, ["ORDER_CHANGE"])
    body = Freshener(random.Random(5)).freshen(example, NOW).body
    order = body["Payload"]["OrderChangeNotification"]
    original = example.notification["Payload"]["OrderChangeNotification"]
    assert order["AmazonOrderId"] != original["AmazonOrderId"]
    assert len(order["AmazonOrderId"]) == len(original["AmazonOrderId"])
    assert order["SellerId"] != original["SellerId"]
    assert order["OrderChangeTrigger"]["TimeOfOrderChange"] == body["EventTime"]
    assert order["Summary"]["PurchaseDate"] < body["EventTime"]
    assert order["Summary"]["DestinationPostalCode"] == original["Summary"]["DestinationPostalCode"]


def test_accounts_agree_with_sellers_and_vendor_groups_stay() -> None:
    for example in of_types(EXAMPLES, ["REPORT_PROCESSING_FINISHED"]):
        report = (
            Freshener(random.Random(6)).freshen(example, NOW).body["payload"]["reportProcessingFinishedNotification"]
        )
        seller = report.get("sellerId")
        assert report["accountId"] == (f"amzn1.merchant.o.{seller}" if seller else "amzn1.vg.6213651")


def test_sellers_of_competing_offers_stay() -> None:
    (example,) = of_types(EXAMPLES, ["ANY_OFFER_CHANGED"])
    offer = Freshener(random.Random(7)).freshen(example, NOW).body["Payload"]["AnyOfferChangedNotification"]
    assert [one["SellerId"] for one in offer["Offers"]] == ["111"]
    assert offer["SellerId"] not in ("111", "A3TH9S8BH6GOGM")


def test_what_had_happened_before_the_event_has_happened_now() -> None:
    (example,) = of_types(EXAMPLES, ["SHIPMENT_TRACKING_MILESTONE_CHANGED"])
    body = Freshener(random.Random(8)).freshen(example, NOW).body
    detail = body["payload"]["shipmentTrackingMilestoneChangedNotification"]["trackingDetail"]
    milestones = [detail["latestMilestone"], *detail["milestoneHistory"]]
    times = [datetime.fromisoformat(one["occurredAt"]).timestamp() for one in milestones]
    assert NOW - 2.001 <= max(times) <= NOW
    assert len(set(times)) > 1


def test_published_again_keeps_the_id_and_the_payload() -> None:
    freshener = Freshener(random.Random(9))
    for example in EXAMPLES:
        first = freshener.freshen(example, NOW)
        again = freshener.published_again(first, NOW + 60)
        before, after = read_one(json.dumps(first.body)), read_one(json.dumps(again.body))
        assert after.dedup_key == before.dedup_key
        assert after.document["payload"] == before.document["payload"]
        assert after.document["metadata"] != before.document["metadata"]


def test_same_seed_same_notifications() -> None:
    first, second = Freshener(random.Random(10)), Freshener(random.Random(10))
    for example in EXAMPLES:
        assert first.freshen(example, NOW) == second.freshen(example, NOW)


def test_of_types() -> None:
    assert of_types(EXAMPLES, []) == EXAMPLES
    assert {example.type for example in of_types(EXAMPLES, ["ORDER_CHANGE", "FEE_PROMOTION"])} == {
        "ORDER_CHANGE",
        "FEE_PROMOTION",
    }
    with pytest.raises(SimulationError, match=r"'order_changed': did you mean ORDER_CHANGE\?"):
        of_types(EXAMPLES, ["order_changed"])
    with pytest.raises(SimulationError, match="'XYZ'; there are ANY_OFFER_CHANGED, "):
        of_types(EXAMPLES, ["ORDER_CHANGE", "XYZ"])
