"""Answers of 200 that say no, judged alone and where handlers use it."""

import json
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from handlers.base import Dead, Done
from handlers.expectation import Expectation
from handlers.forward import ForwardSettings

ANSWER = {"status": "INVALID", "ok": False, "count": 1, "data": {"state": None, "list": [{"a": "b"}]}}
CONTENT = json.dumps(ANSWER).encode()
DONE = Done(status=200, response=CONTENT, request_id="r-1")


@pytest.mark.parametrize(
    ("expected", "fault"),
    [
        ({"status": ["INVALID"]}, None),
        ({"status": ["ACCEPTED", "INVALID"], "count": [1]}, None),
        ({"count": [1.0]}, None),
        ({"ok": [False]}, None),
        ({"data": {"list": {"0": {"a": ["b"]}}}}, None),
        ({"status": ["ACCEPTED"]}, 'status is "INVALID", not "ACCEPTED"'),
        ({"status": ["ACCEPTED", "VALID"]}, 'status is "INVALID", not "ACCEPTED" or "VALID"'),
        ({"ok": [True]}, "ok is false, not true"),
        ({"ok": [0]}, "ok is false, not 0"),
        ({"count": [True]}, "count is 1, not true"),
        ({"data": {"state": ["x"]}}, 'data.state is null, not "x"'),
        ({"data": {"a b": ["x"]}}, 'data."a b" is missing, not "x"'),
    ],
)
def test_fields_have_one_of_the_values(expected: dict[str, Any], fault: str | None) -> None:
    outcome = Expectation.parse(expected).judge(DONE, CONTENT)
    if fault is None:
        assert outcome is DONE
    else:
        assert outcome == Dead(f"answered 200, but {fault}; it says {CONTENT.decode()}", 200, CONTENT, "r-1")


def test_an_answer_that_is_no_json_is_not_as_expected() -> None:
    outcome = Expectation.parse({"ok": [True]}).judge(Done(status=200), b"ok\n")
    assert outcome == Dead("answered 200, but the answer is not JSON, so it does not say what `expect` asks for", 200)


def test_what_is_not_kept_is_not_repeated() -> None:
    outcome = Expectation.parse({"ok": [True]}).judge(Done(status=200), CONTENT)
    assert outcome == Dead("answered 200, but ok is false, not true", 200)


def test_a_long_answer_is_cut_and_stays_on_one_line() -> None:
    content = b'{"ok":false,\n"error":"' + b"x" * 5000 + b'"}'
    outcome = Expectation.parse({"ok": [True]}).judge(Done(status=200, response=content), content)
    assert isinstance(outcome, Dead)
    assert len(outcome.reason) < 400
    assert outcome.reason.isprintable()


@pytest.mark.parametrize("wrong", [{}, [], "ok", {"ok": True}, {"ok": []}, {"ok": {}}, {"a": {"b": [["c"]]}}, None])
def test_what_is_no_expectation_is_refused_with_the_cure(wrong: Any) -> None:
    if wrong is None:
        assert ForwardSettings.model_validate({"url": "https://a.example.com/"}).expect is None
        return
    with pytest.raises(ValidationError, match=r"expect\n.*\{ status = \[\"ACCEPTED\"\] \}"):
        ForwardSettings.model_validate({"url": "https://a.example.com/", "expect": wrong})


async def test_a_webhook_that_answers_200_and_says_no_is_dead(sink: Any, make: Any, delivery: Any) -> None:
    said = iter(["false", "true"])

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=f'{{"ok": {next(said)}, "error": "channel_not_found"}}')

    sink.answer = answer
    handler = await make("forward", url=sink.url(), allow_private=True, expect={"ok": [True]})
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Dead)
    assert "answered 200, but ok is false, not true" in outcome.reason
    assert "channel_not_found" in outcome.reason
    assert isinstance(await handler.handle(delivery()), Done)


async def test_a_failure_stays_the_failure_it_is(sink: Any, make: Any, delivery: Any) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=410, text="gone")

    sink.answer = answer
    handler = await make("forward", url=sink.url(), allow_private=True, expect={"ok": [True]})
    assert "which is permanent" in (await handler.handle(delivery())).reason
