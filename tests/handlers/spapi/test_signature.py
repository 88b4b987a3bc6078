"""Signatures against the examples that AWS publishes, and what a wrong clock or a missing botocore is told.

Source of the vectors: the "aws-sig-v4-test-suite" and the example of the "Signature Version 4 signing process" in the
AWS General Reference, all for 30 August 2015.
"""

import importlib
import logging
from datetime import UTC, datetime
from typing import Any

import botocore.auth
import pytest

from handlers.base import Retry
from handlers.spapi.outcomes import outcome_of
from handlers.spapi.signature import AwsKeys, SigningError, check_clock, signed

KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
FORM = "application/x-www-form-urlencoded"
NOW = 1_800_000_000.0


@pytest.fixture
def august_2015(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_args, **_keywords: moment)


@pytest.mark.usefixtures("august_2015")
@pytest.mark.parametrize(
    ("method", "target", "headers", "content", "names", "signature"),
    [
        ("GET", "/", {}, b"", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", {}, b"", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param1=value1&Param2=value2",
            {},
            b"",
            "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            {},
            b"",
            "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "POST",
            "/",
            {"Content-Type": FORM},
            b"Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            "GET",
            "/",
            {"My-Header1": " value1", "My-Header2": ' "a   b   c"'},
            b"",
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
    ],
    ids=["vanilla", "post-vanilla", "query", "query-order", "form", "header-trim"],
)
def test_the_published_test_suite(
    method: str, target: str, headers: dict[str, str], content: bytes, names: str, signature: str
) -> None:
    url = f"https://example.amazonaws.com{target}"
    made = signed(KEYS, method, url, headers, content, ("us-east-1", "service"))
    assert made["X-Amz-Date"] == "20150830T123600Z"
    assert made["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


@pytest.mark.usefixtures("august_2015")
def test_the_example_of_the_general_reference() -> None:
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    headers = {"Content-Type": f"{FORM}; charset=utf-8"}
    made = signed(KEYS, "GET", url, headers, b"", ("us-east-1", "iam"))
    signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    assert made["Authorization"].endswith(f"SignedHeaders=content-type;host;x-amz-date, Signature={signature}")


@pytest.mark.usefixtures("august_2015")
def test_a_session_token_is_sent_and_signed() -> None:
    keys = AwsKeys(KEYS.access_key_id, KEYS.secret_access_key, "session")
    made = signed(keys, "GET", "https://example.amazonaws.com/", {}, b"", ("us-east-1", "service"))
    assert made["X-Amz-Security-Token"] == "session"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in made["Authorization"]


def test_keys_are_not_shown() -> None:
    assert "wJalr" not in repr(KEYS)
    assert "session" not in repr(AwsKeys("a", "b", "session"))


def test_tokens_are_not_logged_at_debug_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"x-amz-access-token": "Atza|secret"}
    signed(KEYS, "GET", "https://example.amazonaws.com/", headers, b"", ("us-east-1", "service"))
    assert "Atza" not in caplog.text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(301, "5 minutes ahead of"), (-3600, "60 minutes behind"), (299, None), (-300, None)],
)
def test_a_clock_that_is_off(seconds: int, said: str | None) -> None:
    date = datetime.fromtimestamp(NOW, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    if said is None:
        check_clock({"date": date}, NOW + seconds)
        return
    with pytest.raises(SigningError, match=f"clock is {said} Amazon's.*timedatectl") as raised:
        check_clock({"date": date}, NOW + seconds)
    # A clock is set sooner or later, so what waits for it need not be given up.
    assert isinstance(outcome_of(raised.value), Retry)


@pytest.mark.parametrize("headers", [{}, {"date": ""}, {"date": "yesterday"}, {"date": "Mon, 99 Foo 2026"}])
def test_no_date_to_judge_by(headers: dict[str, str]) -> None:
    check_clock(headers, NOW)


def test_without_botocore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *_others: Any) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(SigningError, match=r"pip install 'spapi-router\[sigv4\]'"):
        signed(KEYS, "GET", "https://example.amazonaws.com/", {}, b"", ("us-east-1", "service"))
