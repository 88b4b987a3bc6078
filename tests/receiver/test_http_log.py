"""What is no HTTP is one line of the log, without the sender's bytes; real failures are told apart."""

import logging

import pytest
from aiohttp.http_exceptions import BadHttpMessage, BadHttpMethod, LineTooLong

from receiver.http_log import HttpLog

LOGGER = logging.getLogger("tests.http_log")


def records(caplog: pytest.LogCaptureFixture, error: BaseException | bool) -> list[logging.LogRecord]:
    caplog.set_level(logging.INFO)
    HttpLog(LOGGER).exception("Error handling request from %s", "203.0.113.9", exc_info=error)
    return caplog.records


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BadHttpMessage("Invalid header token:\n\n  b'X : secret'\n     ^"), "Invalid header token"),
        (
            BadHttpMessage("Bad status line:\n  Invalid HTTP version:\n\n  b'secret'"),
            "Bad status line: Invalid HTTP version",
        ),
        (LineTooLong(b"secret", 8190), "Got more than 8190 bytes when reading"),
    ],
)
def test_what_is_no_http_is_one_quiet_line_without_the_senders_bytes(
    caplog: pytest.LogCaptureFixture, error: Exception, told: str
) -> None:
    (record,) = records(caplog, error)
    assert (record.levelname, record.getMessage(), record.exc_info) == ("INFO", "bad_http", None)
    assert record.facts == {"remote": "203.0.113.9", "error": told}  # type: ignore[attr-defined]


def test_what_is_no_http_at_all_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    adapter = HttpLog(LOGGER)
    adapter.debug(
        "Error handling request from %s",
        "203.0.113.9",
        exc_info=BadHttpMethod(error="Received HTTPS traffic on an HTTP port"),
    )
    adapter.debug("Ignored premature client disconnection")
    assert [record.getMessage() for record in caplog.records] == ["bad_http"]


def test_a_failure_of_ours_is_an_error_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    (record,) = records(caplog, RuntimeError("boom"))
    assert (record.levelname, record.getMessage(), record.exc_info) == ("ERROR", "http_failed", None)
    assert record.facts["error"] == "RuntimeError: boom"  # type: ignore[attr-defined]


def test_its_traceback_is_there_at_level_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    HttpLog(LOGGER).exception("Unhandled exception", exc_info=RuntimeError("boom"))
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]
