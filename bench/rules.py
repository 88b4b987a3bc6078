"""One event against a growing rule table, beside the plain loop over the same rules: `python -m bench.rules`.

Every rule has three conditions: one of thirty notification types, one seller, one status. The event is an
ORDER_CHANGE that one rule matches, whatever the table's size. `lookup` is Table.firing (which rules fire), `route`
Table.route (which deliveries, with a rendered key).
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator

from handlers.base import Template
from receiver.notification import Envelope, Notification
from receiver.rules import Pattern, Rule, Table

SIZES = (10, 1_000, 10_000, 100_000)
RUNS = 7
LARGEST_LOOP = 10_000
STATUSES = ("Unshipped", "PartiallyShipped", "Shipped", "Canceled")
TYPES = ("ORDER_CHANGE", "ANY_OFFER_CHANGED", "FEED_PROCESSING_FINISHED", *(f"TYPE_{number}" for number in range(27)))
ORDER = {
    "AmazonOrderId": "902-7106407-0000000",
    "Summary": {"OrderStatus": "Unshipped", "OrderItems": [{"Quantity": 1}]},
}
DOCUMENT = {
    "type": "ORDER_CHANGE",
    "version": "1.0",
    "event_time": "2026-01-01T00:00:00Z",
    "notification_id": "d0e9e693-c3ad-4373-979f-ed4ec98dd746",
    "seller_id": "A0",
    "marketplace_id": "ATVPDKIKX0DER",
    "payload": {"OrderChangeNotification": {"NotificationLevel": "OrderLevel", **ORDER}},
    "metadata": {"NotificationId": "d0e9e693-c3ad-4373-979f-ed4ec98dd746"},
    "topic": "arn:aws:sns:us-east-1:123456789012:sp-api-orders",
}
NOTIFICATION = Notification(
    "n:1", 0, "ORDER_CHANGE", "1.0", "1", "A0", "ATVPDKIKX0DER", 0.0, Envelope("", "1", "", 0.0), DOCUMENT
)


def rules(count: int) -> Iterator[Rule]:
    """`count` rules of mixed types; the first is the only one that matches the event."""
    key = Template.parse("{payload.OrderChangeNotification.AmazonOrderId}")
    for number in range(count):
        summary = {"Summary": {"OrderStatus": [STATUSES[number % len(STATUSES)]]}}
        pattern = {
            "type": [TYPES[number % len(TYPES)]],
            "seller_id": [f"A{number}"],
            "payload": {"OrderChangeNotification": summary},
        }
        yield Rule(f"rule {number}", Pattern.parse(pattern), ("erp",), key=key)


def loop(table: Table) -> list[Rule]:
    """The peer: every rule asked in turn."""
    return [rule for rule in table.rules if rule.pattern is None or rule.pattern.matches(DOCUMENT)]


def microseconds(call: Callable[[], object], seconds: float = 0.1) -> float:
    """The median time of a call over several runs of about `seconds` each."""
    started = time.perf_counter()
    call()
    repeats = max(1, int(seconds / max(time.perf_counter() - started, 1e-7)))
    return statistics.median(_run(call, repeats) for _ in range(RUNS)) * 1e6


def main() -> None:
    """Measure and print the table, and by how much a lookup grows from 10 to 10,000 rules."""
    print(f"one ORDER_CHANGE event, rules with 3 conditions; microseconds, medians of {RUNS} runs")
    print(f"{'rules':>8} {'lookup':>8} {'route':>8} {'loop':>10} {'loop/lookup':>12} {'build s':>8}")
    lookups = {}
    for size in SIZES:
        compiled = list(rules(size))
        started = time.perf_counter()
        table = Table(compiled)
        built = time.perf_counter() - started
        assert [rule.name for rule in table.firing(DOCUMENT)] == ["rule 0"]
        lookups[size] = lookup = microseconds(lambda table=table: table.firing(DOCUMENT))
        route = microseconds(lambda table=table: table.route(NOTIFICATION))
        peer = microseconds(lambda table=table: loop(table)) if size <= LARGEST_LOOP else None
        compared = f"{peer:>10.1f} {peer / lookup:>12.1f}" if peer else f"{'-':>10} {'-':>12}"
        print(f"{size:>8,} {lookup:>8.2f} {route:>8.2f} {compared} {built:>8.3f}", flush=True)
    print(f"a lookup among 10,000 costs {lookups[10_000] / lookups[10]:.2f} times one among 10")


def _run(call: Callable[[], object], repeats: int) -> float:
    gc.disable()
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    spent = time.perf_counter() - started
    gc.enable()
    return spent / repeats


if __name__ == "__main__":
    main()
