"""Lines that anybody can cause: the first of each kind, then a few, with how many were left out."""

import logging

import pytest

from receiver.events import facts_of
from receiver.sparing import Sparing

LOGGER = logging.getLogger("receiver.test")


def test_many_lines_of_a_kind_are_few_and_count_the_others(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    sparing = Sparing(lambda: now)

    def said(kind: str, count: int) -> list[object]:
        caplog.clear()
        for number in range(count):
            sparing.log(kind, LOGGER, logging.WARNING, "push_refused", number=number)
        return [facts_of(record).get("unsaid") for record in caplog.records]

    assert said("type", 1000) == [None] * 100
    assert said("signature", 1) == [None], "another kind has lines of its own"
    now += 0.5
    assert said("type", 10) == [900]
    now += 3600.0
    assert said("type", 1000) == [9, *[None] * 99]
