"""The judge can say no: wrong answers, requests, rows, states and log lines are each told apart."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from tests.attacks.kinds import certificates
from tests.attacks.kinds.markup import sound
from tests.attacks.row import Kind, Row, Script
from tests.attacks.stage import Stage, is_alarming
from tests.attacks.wire import answers_in, summary

SOUND = Row("sound", lambda forge: forge.notification(), "200 accepted")
FORGED = Row("forged", lambda forge: forge.tampered(Message="{}"), "403 signature")
CONFIRMED = Row("elsewhere", lambda forge: forge.confirmation(SubscribeURL="https://x/"), "403 subscribe_url")
KIND = Kind("the driver itself", "rows with wrong expectations", (SOUND, FORGED, CONFIRMED))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (replace(SOUND, answer="403 signature"), "answered 200 accepted, not 403 signature"),
        (replace(FORGED, answer="200 accepted"), "answered 403 signature, not 200 accepted"),
        (replace(FORGED, fetches=1), "0 requests went out, not 1"),
        (replace(certificates.NOT_FOUND, fetches=0), "1 requests went out, not 0"),
        (CONFIRMED, "subscriptions changed"),
        (replace(FORGED, state="confirmed"), "the subscription is pending, not confirmed"),
    ],
    ids=["answer", "acceptance", "no request", "a request", "a subscription", "no subscription"],
)
async def test_a_wrong_expectation_is_told(
    stage_of: Callable[[Kind], Awaitable[Stage]], row: Row, problem: str
) -> None:
    stage = await stage_of(KIND)
    with pytest.raises(AssertionError, match=problem):
        await stage.attack(row)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_connection_that_is_not_ended_is_told(stage_of: Callable[[Kind], Awaitable[Stage]]) -> None:
    stage = await stage_of(KIND)
    with pytest.raises(TimeoutError):
        await stage.attack(Row("silent", lambda _: Script((b"POST",), patience=0.1), "closed"))


@pytest.mark.parametrize(
    ("line", "alarming"),
    [
        ('{"level": "warning", "event": "push_refused"}', False),
        ('{"level": "info", "event": "bad_http"}', False),
        ('{"level": "error", "event": "delivery_dead"}', False),
        ('{"level": "error", "event": "push_failed"}', True),
        ('{"level": "warning", "event": "x", "exception": "y"}', True),
        ("Traceback (most recent call last):", True),
    ],
)
def test_lines_of_the_log_are_told_apart(line: str, alarming: bool) -> None:
    assert is_alarming(line) is alarming


def test_answers_are_read_one_after_the_other() -> None:
    problem = json.dumps({"reason": "no_such_path"}).encode()
    head = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n" % len(
        problem
    )
    taken = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
    text = head + problem + b"HTTP/1.1 100 Continue\r\n\r\n" + head + taken
    assert summary(answers_in(text)) == "404 no_such_path, 404, 200 ok"
    assert summary(answers_in((head + problem) * 4)) == "4 times 404 no_such_path"
    assert summary([]) == "closed"
    with pytest.raises(ValueError, match="no answer of HTTP"):
        answers_in(b"hello")


@pytest.mark.parametrize(
    "page",
    [
        "<script>alert(1)</script>",
        "<script src=//evil.example/x.js></script>",
        "<b onmouseover=alert(1)>",
        "<a href=' JavaScript:alert(1)'>",
        "<img src=x>",
        "<iframe srcdoc=x>",
    ],
)
def test_pages_that_run_what_they_show_are_told(page: str) -> None:
    with pytest.raises(AssertionError, match="the page has"):
        sound(page.encode())


def test_a_page_that_shows_a_script_as_text_is_sound() -> None:
    assert "<script>" in sound(b'<p title="&lt;b onclick=x>">&lt;script></p><script src="/static/a.js"></script>')
