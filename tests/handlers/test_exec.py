import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from handlers.base import Dead, Delivery, Done, HandlerError, Retry
from handlers.exec import ExecSettings

Deliver = Callable[..., Delivery]


def script(directory: Path, text: str, name: str = "run") -> Path:
    """An executable shell script."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def python(text: str) -> list[str]:
    """A command that runs Python code; braces are written as they are."""
    return [sys.executable, "-c", text.replace("{", "{{").replace("}", "}}")]


async def test_the_notification_is_on_standard_input(make: Any, delivery: Deliver) -> None:
    outcome = await (await make("exec", command=["cat"])).handle(delivery())
    assert isinstance(outcome, Done)
    assert (outcome.status, outcome.detail) == (0, "exit code 0")
    document = {name: value for name, value in delivery().document.items() if name != "message"}
    assert json.loads(outcome.result or b"") == document


async def test_a_chain_hands_the_result_over_byte_for_byte(make: Any, delivery: Deliver) -> None:
    body = bytes(range(256)) * 4096
    outcome = await (await make("exec", command=["cat"])).handle(delivery(body=body))
    assert isinstance(outcome, Done)
    assert outcome.result == body


async def test_a_command_need_not_read_its_input(make: Any, delivery: Deliver) -> None:
    outcome = await (await make("exec", command=["true"])).handle(delivery(body=b"x" * 5_000_000))
    assert isinstance(outcome, Done)
    assert outcome.result == b""


async def test_arguments_are_templates_without_a_shell(make: Any, delivery: Deliver) -> None:
    evil = "$(touch /tmp/x); `id` | cat > 'y' \"z\" \n*"
    handler = await make("exec", command=["printf", "%s|", "{seller_id}", "--type={type}", "a {{b}}", "{payload}", ""])
    outcome = await handler.handle(delivery({"seller_id": evil, "type": "-x", "payload": {"a": 1}}))
    assert isinstance(outcome, Done)
    assert outcome.result == f'{evil}|--type=-x|a {{b}}|{{"a":1}}||'.encode()


@pytest.mark.parametrize("value", ["-rf", "--help", "-", "-1"])
async def test_a_value_cannot_become_an_option(make: Any, delivery: Deliver, value: str) -> None:
    handler = await make("exec", command=["echo", "{seller_id}"])
    outcome = await handler.handle(delivery({"seller_id": value}))
    assert isinstance(outcome, Dead)
    assert f"argument 1 becomes {value!r}, which the program could take for an option" in outcome.reason
    allowed = await make("exec", command=["echo", "{seller_id}"], allow_options=True)
    assert isinstance(await allowed.handle(delivery({"seller_id": value})), Done)


async def test_an_empty_value_does_not_uncover_an_option(make: Any, delivery: Deliver) -> None:
    handler = await make("exec", command=["echo", "{seller_id}-n"])
    assert isinstance(await handler.handle(delivery({"seller_id": ""})), Dead)
    assert isinstance(await handler.handle(delivery({"seller_id": "A"})), Done)


async def test_options_that_the_operator_wrote_stay(make: Any, delivery: Deliver) -> None:
    handler = await make("exec", command=["printf", "--", "%s", "-x{seller_id}"])
    outcome = await handler.handle(delivery({"seller_id": "-y"}))
    assert isinstance(outcome, Done)
    assert outcome.result == b"-x-y"


async def test_a_nul_is_dead(make: Any, delivery: Deliver) -> None:
    for keys in ({"command": ["echo", "{seller_id}"]}, {"command": ["true"], "env": {"A": "{seller_id}"}}):
        outcome = await (await make("exec", **keys)).handle(delivery({"seller_id": "a\0b"}))
        assert isinstance(outcome, Dead)
        assert "a NUL character" in outcome.reason


async def test_a_missing_field_is_dead(make: Any, delivery: Deliver) -> None:
    outcome = await (await make("exec", command=["echo", "{payload.nothing}"])).handle(delivery())
    assert isinstance(outcome, Dead)
    assert "payload.nothing" in outcome.reason


async def test_the_environment_is_the_commands_own(
    make: Any, delivery: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERP_WEBHOOK_SECRET", "hunter2")
    monkeypatch.setenv("TOKEN", "t0ken")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    handler = await make("exec", command=["env", "-0"], env={"TOKEN": {"env": "TOKEN"}, "A": "s {seller_id}"})
    outcome = await handler.handle(delivery(key="k-1", attempt=3))
    assert isinstance(outcome, Done)
    lines = (outcome.result or b"").decode().rstrip("\0").split("\0")
    assert dict(line.split("=", 1) for line in lines) == {
        "PATH": "/usr/bin:/bin",
        "LANG": "de_DE.UTF-8",
        "TOKEN": "t0ken",
        "A": "s A1",
        "SPAPI_TYPE": "ORDER_CHANGE",
        "SPAPI_NOTIFICATION_ID": "n-1",
        "SPAPI_SELLER_ID": "A1",
        "SPAPI_EVENT_TIME": "2026-03-01T10:00:00.000Z",
        "SPAPI_TOPIC": "arn:aws:sns:us-east-1:123456789012:sp-api-orders",
        "SPAPI_DELIVERY_ID": "dlv_7",
        "SPAPI_RULE": "orders",
        "SPAPI_HANDLER": "erp",
        "SPAPI_KEY": "k-1",
        "SPAPI_ATTEMPT": "3",
    }


async def test_a_fact_that_no_variable_can_hold_is_left_out(make: Any, delivery: Deliver) -> None:
    outcome = await (await make("exec", command=["env"])).handle(delivery({"seller_id": "a\0b", "type": "T"}))
    assert isinstance(outcome, Done)
    assert b"SPAPI_TYPE=T" in (outcome.result or b"")
    assert b"SPAPI_SELLER_ID" not in (outcome.result or b"")


async def test_the_working_directory(make: Any, delivery: Deliver, tmp_path: Path) -> None:
    script(tmp_path, "pwd -P")
    handler = await make("exec", command=["./run"], working_directory=str(tmp_path))
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Done)
    assert (outcome.result or b"").decode().strip() == str(tmp_path)


@pytest.mark.parametrize(
    ("code", "kind"), [(1, Retry), (64, Retry), (65, Dead), (75, Retry), (127, Retry), (255, Retry)]
)
async def test_exit_codes(make: Any, delivery: Deliver, code: int, kind: type) -> None:
    handler = await make("exec", command=["sh", "-c", f"echo out; echo 'first\nlast\tline' >&2; exit {code}"])
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, kind)
    assert (outcome.status, outcome.response) == (code, b"first\nlast\tline\n")
    assert outcome.reason.startswith(f"exit code {code}: last line")


async def test_the_permanent_codes_are_the_operators(make: Any, delivery: Deliver) -> None:
    handler = await make("exec", command=["sh", "-c", "exit 3"], permanent=[3])
    assert isinstance(await handler.handle(delivery()), Dead)


async def test_a_command_that_is_killed(make: Any, delivery: Deliver) -> None:
    outcome = await (await make("exec", command=["sh", "-c", "kill -SEGV $$"])).handle(delivery())
    assert isinstance(outcome, Retry)
    assert outcome.reason == "killed by SIGSEGV"


async def test_output_is_bounded_and_drained(make: Any, delivery: Deliver) -> None:
    noisy = python("import sys; sys.stdout.write('o' * 3_000_000); sys.stderr.write('e' * 3_000_000 + 'end')")
    outcome = await (await make("exec", command=noisy, max_output="64KiB")).handle(delivery())
    assert isinstance(outcome, Done)
    assert outcome.result is None
    assert "wrote more than max_output (65536 bytes)" in outcome.detail
    assert outcome.response == b"e" * 4093 + b"end"


async def test_output_up_to_the_limit_is_a_result(make: Any, delivery: Deliver) -> None:
    handler = await make("exec", command=["printf", "12345"], max_output=5)
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Done)
    assert (outcome.result, outcome.response) == (b"12345", b"12345")


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead but not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
    if os.fork() == 0:
        os.write(1, b"x")
    time.sleep(600)
with open(sys.argv[1], "w") as file:
    file.write(f"{os.getpgid(0)}\\n")
time.sleep(600)
"""


def members(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state, _parent, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(int(entry.name))
    return found


async def until(condition: Callable[[], Any]) -> Any:
    """The condition's value as soon as it is true."""
    for _ in range(2000):
        if value := condition():
            return value
        await asyncio.sleep(0.01)
    raise AssertionError("the condition never came true")


async def test_a_cancelled_command_ends_with_all_it_started(make: Any, delivery: Deliver, tmp_path: Path) -> None:
    note = tmp_path / "group"
    handler = await make("exec", command=[*python(STUBBORN), str(note)], grace="100ms")
    attempt = asyncio.create_task(handler.handle(delivery()))
    group = int(await until(lambda: note.exists() and note.read_text()))
    await until(lambda: len(members(group)) == 3)
    assert os.getsid(group) == group != os.getsid(0)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    await until(lambda: not members(group))


async def test_a_time_out_ends_a_command(make: Any, delivery: Deliver, tmp_path: Path) -> None:
    note = tmp_path / "group"
    handler = await make("exec", command=[*python(STUBBORN), str(note)], grace="50ms")

    async def limited() -> None:
        async with asyncio.timeout(1):
            await handler.handle(delivery())

    with pytest.raises(TimeoutError):
        await limited()
    if note.exists() and (group := note.read_text()):
        await until(lambda: not members(int(group)))


POLITE = """
import pathlib, signal, sys
note = pathlib.Path(sys.argv[1])
def tidy(*_):
    note.write_text("tidy")
    sys.exit()
signal.signal(signal.SIGTERM, tidy)
note.write_text("up")
while True:
    signal.pause()
"""


async def test_a_command_is_asked_to_end_first(make: Any, delivery: Deliver, tmp_path: Path) -> None:
    note = tmp_path / "note"
    handler = await make("exec", command=[*python(POLITE), str(note)], grace="20s")
    attempt = asyncio.create_task(handler.handle(delivery()))
    await until(lambda: note.exists() and note.read_text() == "up")
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert note.read_text() == "tidy"


async def test_a_second_cancellation_does_not_wait_for_the_grace(make: Any, delivery: Deliver, tmp_path: Path) -> None:
    note = tmp_path / "group"
    handler = await make("exec", command=[*python(STUBBORN), str(note)], grace="10m")
    attempt = asyncio.create_task(handler.handle(delivery()))
    group = int(await until(lambda: note.exists() and note.read_text()))
    attempt.cancel()
    await asyncio.wait([attempt], timeout=0.05)
    assert not attempt.done()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    await until(lambda: not members(group))


async def test_what_a_command_leaves_behind_does_not_hold_the_delivery(
    make: Any, delivery: Deliver, tmp_path: Path
) -> None:
    path = script(tmp_path, "echo $$\n(trap '' TERM; sleep 600) &\necho done")
    outcome = await (await make("exec", command=[str(path)])).handle(delivery())
    assert isinstance(outcome, Done)
    group, word = (outcome.result or b"").split()
    assert word == b"done"
    await until(lambda: not members(int(group)))


async def test_what_has_left_the_group_does_not_hold_the_delivery(make: Any, delivery: Deliver, tmp_path: Path) -> None:
    leaver = "import subprocess; print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid, flush=True)"
    outcome = await (await make("exec", command=python(leaver))).handle(delivery())
    assert isinstance(outcome, Done)
    pid = int(outcome.result or b"")
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not is_alive(pid))


async def test_a_program_that_vanishes_is_waited_for(make: Any, delivery: Deliver, tmp_path: Path) -> None:
    path = script(tmp_path, "exit 0")
    handler = await make("exec", command=[str(path)])
    path.unlink()
    outcome = await handler.handle(delivery())
    assert outcome == Retry(f"{path} cannot be started: No such file or directory")
    script(tmp_path, "exit 0")
    assert isinstance(await handler.handle(delivery()), Done)


async def test_arguments_that_are_too_long_are_dead(make: Any, delivery: Deliver) -> None:
    handler = await make("exec", command=["echo", "{seller_id}"])
    outcome = await handler.handle(delivery({"seller_id": "x" * 3_000_000}))
    assert isinstance(outcome, Dead)
    assert "hand long values over on standard input" in outcome.reason


async def test_a_secret_that_is_lost_is_waited_for(
    make: Any, delivery: Deliver, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_ERP", "t")
    handler = await make("exec", command=["true"], env={"TOKEN": {"env": "TOKEN_OF_ERP"}})
    monkeypatch.delenv("TOKEN_OF_ERP")
    clock.now += 3
    outcome = await handler.handle(delivery())
    assert isinstance(outcome, Retry)
    assert "environment variable TOKEN_OF_ERP is not set" in outcome.reason
    monkeypatch.setenv("TOKEN_OF_ERP", "t")
    assert isinstance(await handler.handle(delivery()), Done)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"command": ["no-such-program-here"]}, "no-such-program-here is not a program that can be run"),
        ({"command": ["true"], "env": {"A": {"env": "NOT_SET_HERE"}}}, "variable NOT_SET_HERE is not set"),
        ({"command": ["/etc/passwd"]}, "/etc/passwd is not a program that can be run: install it, or chmod"),
        ({"command": ["true"], "working_directory": "/no/such"}, "working_directory: /no/such is not a directory"),
    ],
)
async def test_what_cannot_run_stops_the_start(make: Any, keys: dict[str, Any], words: str) -> None:
    with pytest.raises(HandlerError) as caught:
        await make("exec", **keys)
    assert words in str(caught.value)


async def test_a_preview_shows_the_command_line(make: Any, delivery: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_ERP", "t0ken")
    command = ["printf", "%s", "it's {seller_id}"]
    handler = await make("exec", command=command, env={"TOKEN": {"env": "TOKEN_OF_ERP"}}, body="{type}")
    (request,) = handler.preview(delivery())
    assert request.summary == """printf %s 'it'"'"'s A1'"""
    assert request.body == "ORDER_CHANGE"
    assert (request.headers["TOKEN"], request.headers["SPAPI_TYPE"]) == ("***", "ORDER_CHANGE")
    with pytest.raises(HandlerError, match="field type is missing"):
        handler.preview(delivery({}))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"command": []}, "at least 1 item"),
        ({"command": "ls -l"}, "valid list"),
        ({"command": [""]}, "the program is empty"),
        ({"command": ["{type}", "a"]}, "the program is fixed"),
        ({"command": ["a", "{b"]}, "template"),
        ({"command": ["a", "--{type}"]}, "'--{type}' lets a notification choose the option"),
        ({"command": ["a", "-{type}=x"]}, "lets a notification choose the option"),
        ({"command": ["a"], "env": {"A-B": "c"}}, "'A-B' is not a variable's name"),
        ({"command": ["a"], "env": {"SPAPI_TYPE": "c"}}, "SPAPI_TYPE is not free"),
        ({"command": ["a"], "env": {"A": {"env": ""}}}, "a secret is one of"),
        ({"command": ["a"], "permanent": [0]}, "greater than or equal to 1"),
        ({"command": ["a"], "permanent": [256]}, "less than or equal to 255"),
        ({"command": ["a"], "cwd": "/"}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_the_cure(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ExecSettings.model_validate(keys)
    assert words in str(caught.value)
    if words.startswith("'--{type}'"):
        ExecSettings.model_validate(keys | {"allow_options": True})
