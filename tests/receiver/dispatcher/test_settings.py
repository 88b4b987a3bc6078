"""The common keys of a handler's table."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from receiver.dispatcher import BreakerPolicy, LaneSettings, RetryPolicy

ADAPTER = TypeAdapter(LaneSettings)


def test_the_rules_files_texts_are_taken() -> None:
    table = {
        "concurrency": 4,
        "timeout": "10s",
        "rate": "20/s",
        "burst": 5,
        "retry": {"attempts": 12, "first": "5s", "most": "1h"},
        "breaker": {"calls": 5, "open_for": "1m"},
        "then": ["erp"],
    }
    assert ADAPTER.validate_python(table) == LaneSettings(
        concurrency=4,
        timeout=10.0,
        rate=20.0,
        burst=5,
        retry=RetryPolicy(attempts=12, first=5.0, most=3600.0),
        breaker=BreakerPolicy(calls=5, open_for=60.0),
        then=("erp",),
    )


def test_nothing_is_needed_and_the_breaker_can_be_off() -> None:
    assert ADAPTER.validate_python({}) == LaneSettings()
    assert ADAPTER.validate_python({"breaker": False}).breaker is None


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"timeout": "0s"}, "timeout"),
        ({"timeout": 10}, "timeout"),
        ({"rate": "fast"}, "rate"),
        ({"burst": 5}, "rate"),
        ({"retry": {"attempts": "many"}}, "retry.attempts"),
        ({"breaker": True}, "breaker"),
        ({"then": "erp"}, "then"),
    ],
)
def test_wrong_keys_are_refused_by_name(keys: dict[str, Any], place: Any) -> None:
    with pytest.raises(ValidationError, match=place):
        ADAPTER.validate_python(keys)
