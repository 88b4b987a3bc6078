import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.demo.journeys import Journeys, Step
from receiver.simulators.sink import Arrival
from receiver.simulators.sns.plan import Planned, Repeat
from receiver.simulators.sns.sender import Answer
from receiver.simulators.spapi import Served

TAKEN = Answer(200, "", 0.5)
LOST = Answer(503, "", 0.5, attempts=4)


class Told:
    """Journeys with what they told and a clock that stands at 100."""

    def __init__(self, kept: int = 100) -> None:
        self.steps: list[Step] = []
        self.journeys = Journeys(self.steps.append, lambda: 100.0, kept)

    def push(self, name: str, answer: Answer = TAKEN, repeat: Repeat | None = None) -> None:
        self.journeys.pushed(Planned(0, "T", name, "", "m", 0.0, repeat), answer)

    def arrive(self, name: str, path: str = "/erp", when: float = 100.25) -> None:
        self.arrive_with(name, b"{}", path, when)

    def arrive_with(self, name: str, body: bytes, path: str = "/erp", when: float = 100.25) -> None:
        self.journeys.arrived(Arrival("msg", when, path, {"X-Notification-Id": name}, body))


def test_a_journey_is_told_once_answer_and_arrival_are_known() -> None:
    told = Told()
    told.push("a")
    assert (told.steps, told.journeys.waiting) == ([], 1)
    told.arrive("a")
    (step,) = told.steps
    assert (step.journey.id, step.journey.type, step.planned) == ("a", "T", None)
    verdict = told.journeys.verdict()
    assert (list(verdict.answered), list(verdict.delivered)) == ([0.5], [0.75])
    assert verdict.good
    assert told.journeys.waiting == 0


def test_the_arrival_may_be_seen_before_the_answer() -> None:
    told = Told()
    told.arrive("a")
    assert told.journeys.waiting == 0
    assert told.steps == []
    told.push("a")
    assert [step.journey.id for step in told.steps] == ["a"]
    assert told.journeys.verdict().good


def test_repeats_are_told_and_change_nothing() -> None:
    told = Told()
    told.push("a")
    told.arrive("a")
    told.push("a", repeat=Repeat.SPAPI)
    assert told.steps[-1].planned is not None
    verdict = told.journeys.verdict()
    assert (verdict.good, verdict.notifications, verdict.pushes, verdict.repeats) == (True, 1, 2, 1)


def test_an_arrival_at_two_handlers_is_once_each() -> None:
    told = Told()
    told.push("a")
    told.arrive("a", "/erp")
    told.arrive("a", "/archive")
    assert told.journeys.verdict().good


def test_a_second_arrival_at_one_handler_is_more_than_once() -> None:
    told = Told()
    told.push("a")
    told.arrive("a")
    told.arrive("a")
    verdict = told.journeys.verdict()
    assert (verdict.good, verdict.once, verdict.more) == (False, 0, 1)


def test_what_is_missing_is_named() -> None:
    told = Told()
    told.push("a")
    told.push("b")
    told.arrive("b")
    verdict = told.journeys.verdict()
    assert (verdict.good, verdict.missing, told.journeys.waiting) == (False, ("a",), 1)


def test_what_was_not_taken_is_told_and_not_waited_for() -> None:
    told = Told()
    told.push("a", LOST)
    assert told.steps[0].answer is LOST
    assert told.journeys.waiting == 0
    verdict = told.journeys.verdict()
    assert (verdict.good, verdict.not_taken, verdict.missing) == (False, 1, ())


def test_nothing_at_all_is_not_good() -> None:
    assert not Told().journeys.verdict().good


def test_a_webhook_without_an_id_is_no_notifications_arrival() -> None:
    told = Told()
    told.push("a")
    for _ in range(3):
        told.journeys.arrived(Arrival("msg", 1.0, "/erp", {}, b"{}"))
    verdict = told.journeys.verdict()
    assert (verdict.missing, verdict.more, verdict.good) == (("a",), 1, False)


def test_the_call_that_fetched_an_order_is_a_part_of_its_way() -> None:
    told = Told()
    told.push("a")
    told.push("b")
    for status, order in ((503, "1-1"), (200, "1-1"), (200, "2-2")):
        told.journeys.called(Served("orders.getOrder", status, f"/orders/{order}"))
    told.arrive_with("a", json.dumps({"order": {"orderId": "1-1"}, "items": [{}, {}]}).encode())
    told.arrive("b")
    first, second = (step.journey for step in told.steps)
    assert first.call is not None
    assert (first.call.status, first.items) == (200, 2)
    assert (second.call, second.items) == (None, None)
    assert told.journeys.verdict().calls == {("orders.getOrder", 503): 1, ("orders.getOrder", 200): 2}


@pytest.mark.parametrize(
    "body",
    [b"", b"text", b"[]", b"{}", b'{"order": 3}', b'{"order": {}}', b'{"order": {"orderId": "1-1"}, "items": 3}'],
)
def test_what_is_no_order_has_no_call(body: bytes) -> None:
    told = Told()
    told.push("a")
    told.journeys.called(Served("orders.getOrder", 200, "/orders/1-1"))
    told.arrive_with("a", body)
    assert told.steps[0].journey.call is None


def test_calls_that_nothing_arrives_for_are_forgotten() -> None:
    told = Told(kept=2)
    for order in range(100):
        told.journeys.called(Served("orders.getOrder", 404, f"/orders/{order}"))
    assert len(told.journeys._calls) == 2
    assert told.journeys.verdict().calls == {("orders.getOrder", 404): 100}


@given(st.integers(0, 60), st.integers(1, 20))
def test_figures_are_right_however_few_journeys_are_kept(number: int, kept: int) -> None:
    told = Told(kept)
    for place in range(number):
        told.push(str(place))
        told.arrive(str(place))
    verdict = told.journeys.verdict()
    assert (verdict.notifications, verdict.once, verdict.more, verdict.missing) == (number, number, 0, ())


def test_journeys_that_have_not_ended_are_kept() -> None:
    told = Told(kept=2)
    names = count()
    for name in names:
        told.push(str(name))
        if name == 5:
            break
    assert told.journeys.waiting == 6
    assert len(told.journeys.verdict().missing) == 6
