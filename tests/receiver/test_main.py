"""`python -m receiver serve` as a process: how it starts, refuses, and ends."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.simulators.sink import Behaviour
from tests.faults.process import Process
from tests.faults.scene import SECRET, Rules, Scene


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A stage whose daemon has not been started."""
    async with Scene(tmp_path, seed=1) as stage:
        yield stage


async def refusal(rules: Path, environment: dict[str, str] | None = None) -> str:
    """What a daemon says that refuses to start: a few words, and no traceback."""
    process = await Process.start(rules, {"WEBHOOK_SECRET": SECRET} if environment is None else environment)
    assert await process.ended() == 1, process.words
    assert "Traceback" not in process.words
    return process.words


async def test_no_rules_file(tmp_path: Path) -> None:
    assert f"{tmp_path / 'none.toml'}" in await refusal(tmp_path / "none.toml")


async def test_a_mistake_in_the_rules_file_is_named_with_its_line(scene: Scene) -> None:
    text = scene.rules.read_text().replace("concurrency", "concurency")
    scene.rules.write_text(text)
    line = 1 + [each.partition(" ")[0] for each in text.splitlines()].index("concurency")
    words = await refusal(scene.rules)
    assert f"{scene.rules}:{line}: handlers.erp.concurency: " in words
    assert 'did you mean "concurrency"?' in words


async def test_it_runs_with_its_standard_streams_closed(scene: Scene) -> None:
    command = [sys.executable, "-m", "receiver", "serve", "--config", str(scene.rules)]
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *command), env={**os.environ, "WEBHOOK_SECRET": SECRET}
    )
    lock = scene.rules.with_name("inbox.db.lock")
    async with asyncio.timeout(20):
        while process.returncode is None and not (lock.exists() and lock.read_text()):
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)
        assert process.returncode is None
        process.terminate()
        assert await process.wait() == 0


async def test_a_secret_that_is_not_set_is_named(scene: Scene) -> None:
    words = await refusal(scene.rules, {})
    assert "WEBHOOK_SECRET" in words
    assert "handlers.erp" in words


@pytest.mark.parametrize("which", ["listen", "admin"])
async def test_an_address_in_use_is_named(scene: Scene, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        text = scene.rules.read_text().replace(f'{which} = "127.0.0.1:0"', f'{which} = "{taken}"')
        scene.rules.write_text(text)
        assert f"cannot listen on {taken}" in await refusal(scene.rules)


async def test_a_directory_that_is_not_there_is_named(scene: Scene) -> None:
    scene.write(Rules(database="none/inbox.db"))
    words = await refusal(scene.rules)
    assert str(scene.directory / "none") in words


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_well_and_no_delivery_is_lost(scene: Scene, number: signal.Signals) -> None:
    """What runs is finished; what waits is there after the next start."""
    scene.write(Rules(handler='timeout = "5s"\nbreaker = false\nretry = { first = "100ms", most = "200ms" }'))
    process = await scene.start()
    scene.sink.behave(Behaviour(delay=0.3))
    await scene.send(scene.messages(30, 0))
    process.send(number)
    assert await process.ended() == 0, process.words
    assert process.events("stopped")
    assert "Traceback" not in process.words
    scene.sink.behave(Behaviour())
    await scene.start()
    report = await scene.finish()
    assert (report.delivered, report.twice) == (30, 0)


async def test_a_second_signal_does_not_break_off_the_end(scene: Scene) -> None:
    process = await scene.start()
    scene.sink.behave(Behaviour(delay=0.5))
    await scene.send(scene.messages(5, 0))
    for _ in range(3):
        process.send(signal.SIGTERM)
    assert await process.ended() == 0, process.words
    assert process.events("stopped")


async def test_a_log_that_nobody_reads_any_more_is_no_reason_to_end(scene: Scene) -> None:
    """Standard error is a closed pipe: the journal was restarted, or a pager was quit."""
    process = await scene.start()
    process.stop_reading()
    await scene.send(scene.messages(50))
    await scene.finish()


async def test_each_line_of_the_log_is_one_json_object(scene: Scene) -> None:
    process = await scene.start()
    await scene.send(scene.messages(20))
    await scene.finish()
    events = [json.loads(line) for line in process.lines]
    assert {"time", "level", "event"} <= set.intersection(*(set(each) for each in events))
    assert {"ready", "push_accepted", "delivery_done", "stopping", "stopped"} <= {each["event"] for each in events}
    assert SECRET not in process.words


async def test_hanging_up_takes_changed_rules_in(scene: Scene) -> None:
    process = await scene.start()
    scene.rules.write_text(scene.rules.read_text() + '[[rules]]\nname = "second"\nhandlers = ["erp"]\n')
    process.send(signal.SIGHUP)
    await process.event("reloaded", rules=2)
    good = scene.rules.read_text()
    scene.rules.write_text("nonsense")
    process.send(signal.SIGHUP)
    refused = await process.event("reload_refused")
    assert f"{scene.rules}:1" in refused["error"]
    scene.rules.write_text(good)
    await scene.send(scene.messages(5, 0))
    await scene.sink.wait_for(10)
    assert await process.stop() == 0
