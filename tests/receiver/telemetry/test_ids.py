"""Ids that are made of numbers: the same everywhere, apart from each other, and sampled alike."""

import re

from hypothesis import given
from hypothesis import strategies as st

from receiver.telemetry.ids import Ids, SpanId, child

NUMBERS = st.integers(1, 1 << 62)


@given(NUMBERS, st.binary(min_size=16, max_size=16))
def test_another_process_makes_the_same_ids(number: int, salt: bytes) -> None:
    root = Ids(salt, 1.0).notification(number)
    assert root is not None
    assert root == Ids(salt, 1.0).notification(number)
    assert Ids(salt, 1.0).delivery(root, number) == Ids(salt, 1.0).delivery(root, number)
    assert Ids(salt, 1.0).delivery(root, number) != root


@given(NUMBERS)
def test_inboxes_do_not_share_traces(number: int) -> None:
    assert Ids(b"a" * 16, 1.0).notification(number) != Ids(b"b" * 16, 1.0).notification(number)


def test_the_ratio_is_kept_and_what_is_sampled_by_less_is_sampled_by_more() -> None:
    few, many, none = Ids(b"a" * 16, 0.1), Ids(b"a" * 16, 0.5), Ids(b"a" * 16, 0.0)
    sampled = [[bool(ids.notification(number)) for number in range(20_000)] for ids in (few, many, none)]
    assert 0.09 < sum(sampled[0]) / 20_000 < 0.11
    assert 0.48 < sum(sampled[1]) / 20_000 < 0.52
    assert sum(sampled[2]) == 0
    assert all(second or not first for first, second in zip(*sampled[:2], strict=True))


@given(st.integers(1, (1 << 128) - 1), st.integers(1, (1 << 64) - 1))
def test_traceparent_has_the_form_of_the_recommendation(trace: int, span: int) -> None:
    text = SpanId(trace, span).traceparent
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", text)
    assert (int(text[3:35], 16), int(text[36:52], 16)) == (trace, span)
    drawn = child(SpanId(trace, span))
    assert drawn.trace == trace
    assert 0 < drawn.span < 1 << 64
