"""What follows from the outcome of an attempt."""

import math
from enum import StrEnum
from http import HTTPStatus
from types import NoneType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.base import Dead, Done, Postpone, Retry, TemplateError
from receiver.dispatcher import LaneSettings, RetryPolicy
from receiver.dispatcher.outcomes import Ended, failure, judge, one_line, released
from receiver.inbox import Child, Claim, State


def claim(attempt: int = 1, created_at: float = 0.0) -> Claim:
    return Claim(
        id=5,
        notification_id=3,
        webhook_id="w",
        rule="r",
        handler="h",
        run=9,
        attempt=attempt,
        key=None,
        event_time=0.0,
        created_at=created_at,
        leased_until=0.0,
        notification_body=b"",
        notification_part=0,
        body=None,
    )


SETTINGS = LaneSettings(retry=RetryPolicy(attempts=3, first=10.0, most=10.0), then=("next", "other"))


def judged(outcome: Done | Retry | Dead | Postpone, settings: LaneSettings = SETTINGS, **of_claim: Any) -> Ended:
    return judge(claim(**of_claim), outcome, 100.0, 101.5, settings, lambda: 0.5)


@pytest.mark.parametrize(("result", "body"), [(b'{"a":1}', b'{"a":1}'), (None, b"null"), (b"", b"null")])
def test_done_hands_its_result_to_each_handler_in_then(result: Any, body: bytes) -> None:
    ended = judged(Done(result, 200, "fine", b"ok", "req-1"))
    assert ended.outcome == "done"
    assert ended.seconds == 1.5
    assert ended.result.state is State.DONE
    assert ended.result.children == (Child("next", body), Child("other", body))
    assert (ended.result.run, ended.result.status, ended.result.request_id) == (9, 200, "req-1")
    assert ended.result.counts


class _Own(bytes):
    """A value of a type that the process which writes cannot know."""


class _Why(StrEnum):
    SLOW = "too slow"


class _Seconds(float):
    pass


@pytest.mark.parametrize(
    "outcome",
    [
        Done(_Own(b"result"), HTTPStatus.OK, _Why.SLOW, _Own(b"answer"), _Why.SLOW),
        Done(bytearray(b"result"), HTTPStatus.OK, _Why.SLOW, bytearray(b"answer")),
        Retry(_Why.SLOW, _Seconds(5.0), HTTPStatus.BAD_GATEWAY, _Own(b"answer"), _Why.SLOW),
        Dead(_Why.SLOW, HTTPStatus.GONE, _Own(b"answer"), _Why.SLOW),
        Postpone(_Why.SLOW, _Seconds(5.0), status=HTTPStatus.TOO_MANY_REQUESTS),
    ],
)
def test_nothing_of_a_type_of_the_handlers_own_is_to_be_written(outcome: Any) -> None:
    written = judged(outcome).result
    values = [*written, *(value for child in written.children for value in child)]
    assert {type(value) for value in values} <= {int, float, str, bytes, bool, tuple, NoneType, Child, State}


def test_a_failure_waits_by_the_policy() -> None:
    ended = judged(Retry("503 Service Unavailable", status=503))
    assert (ended.outcome, ended.result.state, ended.result.due_at) == ("retry", State.WAITING, 106.5)
    assert ended.result.children == ()


def test_retry_after_is_honoured() -> None:
    assert judged(Retry("slow down", after=60.0)).result.due_at == 161.5


def test_the_last_attempt_makes_it_dead_and_says_how_it_came_to_that() -> None:
    ended = judged(Retry("503"), attempt=3, created_at=101.5 - 25 * 3600)
    assert (ended.outcome, ended.result.state) == ("dead", State.DEAD)
    assert ended.result.detail == "dead after 3 attempts over 25 h: 503"
    one = LaneSettings(retry=RetryPolicy(attempts=1))
    assert judged(Retry("503"), one, created_at=100.0).result.detail == "dead after 1 attempt over 2 s: 503"


def test_age_makes_it_dead_where_the_next_attempt_would_be_too_late() -> None:
    old = LaneSettings(retry=RetryPolicy(attempts=9, first=10.0, most=10.0, age=3600.0))
    ended = judged(Retry("503"), old, attempt=2, created_at=101.5 - 3600)
    assert ended.result.detail == "dead after 2 attempts, the next past its age over 1 h: 503"
    assert judged(Retry("503"), old, attempt=2, created_at=0.0).result.state is State.WAITING


def test_dead_is_dead_at_once() -> None:
    ended = judged(Dead("410 Gone", status=410))
    assert (ended.outcome, ended.result.state, ended.result.detail) == ("dead", State.DEAD, "410 Gone")


def test_postponing_spends_no_attempt() -> None:
    ended = judged(Postpone("not ready", 30.0), attempt=3)
    assert (ended.outcome, ended.result.state, ended.result.due_at) == ("postponed", State.WAITING, 131.5)
    assert not ended.result.counts


@pytest.mark.parametrize("kind", [Postpone, Retry])
def test_what_has_begun_something_is_told_to_the_inbox(kind: Any) -> None:
    assert judged(kind("waits for it", 30.0, begun=True)).result.begun
    assert not judged(kind("later", 30.0)).result.begun


def test_postponing_ends_with_age() -> None:
    old = LaneSettings(retry=RetryPolicy(age=3600.0))
    ended = judged(Postpone("not ready", 30.0), old, created_at=101.5 - 3600)
    assert ended.result.state is State.DEAD
    assert ended.result.counts
    assert "not ready" in ended.result.detail


@given(st.floats())
def test_no_postponement_spins_or_lasts_for_ever(after: Any) -> None:
    due_at = judged(Postpone("later", after)).result.due_at
    assert 101.5 < due_at < 101.5 + 367 * 86400
    assert not math.isnan(due_at)


def test_what_is_handed_back_is_due_at_once_and_spends_nothing() -> None:
    ended = released(claim(), 7.0, "handed back")
    assert (ended.outcome, ended.result.state, ended.result.due_at) == ("released", State.WAITING, 7.0)
    assert not ended.result.counts


def test_what_handlers_raise_is_a_retry_with_its_text() -> None:
    assert failure(OSError(28, "No space left on device")) == Retry("OSError: [Errno 28] No space left on device")
    assert failure(TimeoutError()) == Retry("TimeoutError")


def test_a_template_that_cannot_be_filled_is_dead() -> None:
    assert failure(TemplateError("payload.x is missing")) == Dead("payload.x is missing")


def test_reasons_and_answers_are_bounded() -> None:
    ended = judged(Retry("a\n  b\x00" + "c" * 5000, response=b"x" * 1_000_000))
    assert ended.result.detail.startswith("a b")
    assert len(ended.result.detail) == 1000
    assert len(ended.result.response) == 64 * 1024


@given(st.text())
def test_one_line_is_one_line(text: Any) -> None:
    assert len(one_line(text).splitlines()) <= 1
