"""What a request asks for: read, or refused in words that say what to write."""

import pytest

from receiver.console.asked import BadQuestion, address, dead_of, search_of
from receiver.inbox import DeliveryFilter, NotificationFilter, State
from receiver.inbox.search import Search

NOW = 10_000.0


def test_an_empty_question_asks_for_everything() -> None:
    assert search_of({}, NOW) == Search("", NotificationFilter(limit=50))
    assert dead_of({"rule": " "}, NOW) == DeliveryFilter(states=(State.DEAD,), limit=50)


def test_every_field_is_read() -> None:
    fields = {"q": " 903-1 ", "type": "OrderChange", "seller": " A3TH ", "since": "1h", "unrouted": "1", "before": "7"}
    which = NotificationFilter(
        type="ORDER_CHANGE", seller_id="A3TH", since=NOW - 3600, unrouted=True, before_id=7, limit=50
    )
    assert search_of(fields | {"whole": "1"}, NOW) == Search("903-1", which, whole=True)
    dead = dead_of({"handler": "erp", "rule": "r", "key": "k", "until": "1970-01-01T01:00Z"}, NOW)
    assert dead == DeliveryFilter(states=(State.DEAD,), handler="erp", rule="r", key="k", until=3600.0, limit=50)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"since": "yesterday"}, "since is 'yesterday': write an age like 2h"),
        ({"until": "5"}, "until is '5'"),
        ({"before": "x"}, "before is 'x', and must be a whole number"),
        ({"before": "9" * 30}, "must be a whole number"),
        ({"before": "²"}, "must be a whole number"),
        ({"q": "x" * 501}, "q is too long"),
    ],
)
def test_what_cannot_be_read_is_told(fields: dict[str, str], said: str) -> None:
    with pytest.raises(BadQuestion, match=said):
        search_of(fields, NOW)


def test_addresses_keep_what_was_asked_and_nothing_empty() -> None:
    assert address("/search", {"q": "a b&c", "type": ""}, before=7) == "/search?q=a+b%26c&before=7"
    assert address("/dead", {"before": "3"}, before="") == "/dead"
