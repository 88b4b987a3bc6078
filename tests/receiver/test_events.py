"""What a log line looks like: for people, for machines, for the journal."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import httpx
import pytest

from receiver.events import configure, log

LOGGER = logging.getLogger("receiver.test")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[TextIO]:
    with (tmp_path / "log").open("w+") as opened:
        yield opened


def journal(stream: TextIO) -> dict[str, str]:
    status = os.fstat(stream.fileno())
    return {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}


def lines(stream: TextIO) -> list[str]:
    stream.seek(0)
    return stream.read().splitlines()


def test_lines_for_the_journal_begin_with_their_priority_and_bear_no_time(stream: TextIO) -> None:
    configure("debug", "text", stream, journal(stream))
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log(LOGGER, level, "said", id=1)
    levels = [(7, "debug"), (6, "info"), (4, "warning"), (3, "error"), (2, "critical")]
    assert lines(stream) == [f"<{number}>{name} said id=1" for number, name in levels]


def test_json_for_the_journal_is_json_behind_its_priority(stream: TextIO) -> None:
    configure("info", "json", stream, journal(stream))
    log(LOGGER, logging.WARNING, "said", id=1)
    (line,) = lines(stream)
    assert line.startswith("<4>{")
    assert json.loads(line[3:])["event"] == "said"


def test_why_the_daemon_does_not_start_is_an_error_in_the_journal_line_by_line(tmp_path: Path, stream: TextIO) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[sns]\ntopics = []\n[server]\nlisten = 5\n")
    command = [sys.executable, "-m", "receiver", "serve", "--config", str(rules)]
    ended = subprocess.run(command, stderr=stream, env={**os.environ, **journal(stream)}, check=False)
    said = lines(stream)
    assert ended.returncode == 1
    assert len(said) >= 2
    assert all(line.startswith("<3>") for line in said)
    assert said[0].startswith(f"<3>spapi-router: {rules}:")


@pytest.mark.parametrize("value", ["\udcff", {"\udcff": 1}, 1 << 80])
def test_json_says_what_orjson_cannot(stream: TextIO, value: object, capsys: pytest.CaptureFixture[str]) -> None:
    """A header's bytes that are no UTF-8 cost the whole line, and a traceback on standard error in its place."""
    configure("info", "json", stream, {})
    log(LOGGER, logging.WARNING, "push_refused", message_id=value)
    (line,) = lines(stream)
    assert json.loads(line)["event"] == "push_refused"
    assert line.isascii()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_character_of_a_line_does_anything_in_a_terminal(stream: TextIO, form: str) -> None:
    """JSON leaves the control characters beyond ASCII as they are, of which one begins a terminal's commands."""
    configure("info", form, stream, {})
    value = "a\x9b2J\x1b[2J\u202e\x85\u2028\U000e0001 é"
    log(LOGGER, logging.INFO, "event", value=value)
    (line,) = lines(stream)
    assert line.isprintable()
    if form == "json":
        assert json.loads(line)["value"] == value


@pytest.mark.parametrize("value", ["", "1:2", "nonsense"])
def test_another_stream_than_the_journal_gets_times_and_no_priorities(stream: TextIO, value: str) -> None:
    configure("info", "text", stream, {"JOURNAL_STREAM": value})
    log(LOGGER, logging.INFO, "said", id=1)
    (line,) = lines(stream)
    assert line.split(" ", 1)[1] == "info said id=1"
    assert line[:2] == "20"


def test_a_stream_without_a_descriptor_is_no_journal() -> None:
    stream = io.StringIO()
    configure("info", "text", stream, {"JOURNAL_STREAM": "1:2"})
    log(LOGGER, logging.INFO, "said")
    assert stream.getvalue().endswith(" info said\n")


def test_a_value_cannot_make_a_line_of_its_own(stream: TextIO) -> None:
    configure("info", "text", stream, journal(stream))
    log(LOGGER, logging.INFO, "said", text="a\n<0>critical forged\x1b[2J", name="é x")
    (line,) = lines(stream)
    assert line == '<6>info said text="a\\n<0>critical forged\\u001b[2J" name="é x"'


def test_an_exception_stays_on_its_line(stream: TextIO) -> None:
    configure("info", "text", stream, journal(stream))
    try:
        float("bad")
    except ValueError:
        LOGGER.exception("failed")
    (line,) = lines(stream)
    assert line.startswith('<3>error failed exception="Traceback')


def test_the_database_driver_does_not_log_what_it_stores(stream: TextIO) -> None:
    configure("debug", "text", stream, {})
    logging.getLogger("aiosqlite").debug("executing INSERT with a buyer's address")
    assert lines(stream) == []


@pytest.mark.parametrize("level", ["info", "debug"])
async def test_the_queries_of_calls_are_not_logged(level: str, stream: TextIO) -> None:
    configure(level, "text", stream, {})
    answer = httpx.MockTransport(lambda _: httpx.Response(200))
    async with httpx.AsyncClient(transport=answer) as client:
        await client.get("https://sellingpartnerapi-na.amazon.com/orders?buyerEmail=ann@example.com")
    assert lines(stream) == []
