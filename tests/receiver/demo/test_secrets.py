"""Nothing that the demo writes or says holds a secret of the application or of a seller."""

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from receiver.demo import Audience, Options, Scene, Step, demo, run
from receiver.demo.child import Child
from receiver.demo.spapi import environment
from receiver.simulators.spapi import SimulatedSpapi

_MAIN = (sys.executable, "-P", "-c", "from receiver.cli import main; main()")


class Spy:
    """An audience that also hears what the daemon logs, and knows the stand-in's secrets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scenes: list[Scene] = []
        self.steps: list[Step] = []
        self.logged: list[str] = []
        self.enough = asyncio.Event()
        self.audience = Audience(self.scenes.append, self.tell, self.logged.append)
        self._simulated: list[SimulatedSpapi] = []
        make, take = demo.simulated_spapi, Child._take
        monkeypatch.setattr(demo, "simulated_spapi", lambda watch: self._simulated.append(make(watch)) or self.spapi)
        monkeypatch.setattr(Child, "_take", lambda child, line: self.logged.append(line) or take(child, line))

    @property
    def spapi(self) -> SimulatedSpapi:
        (simulated,) = self._simulated
        return simulated

    @property
    def secrets(self) -> list[str]:
        """Client id, client secret, refresh tokens, and every access token that was given out."""
        return [*environment(self.spapi).values(), *self.spapi.amazon.tokens._bearers]

    def tell(self, step: Step) -> None:
        self.steps.append(step)
        if sum(step.journey.call is not None for step in self.steps) >= 3 and len(self.steps) >= 20:
            self.enough.set()


async def said(*arguments: str) -> str:
    """What a command of spapi-router says, with the daemon's secrets nowhere near it."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *_MAIN, *arguments, stdout=pipe, stderr=asyncio.subprocess.STDOUT, env=os.environ | {"NO_COLOR": "1"}
    )
    out, _ = await process.communicate()
    return out.decode()


async def everything_said(scene: Scene) -> dict[str, str]:
    """What the commands say of a demo that runs, and its admin pages."""
    config = ("--config", str(scene.rules))
    listed = await said("deliveries", "list", "--handler", "order", "--state", "done", "--json", *config)
    fetched = json.loads(listed.splitlines()[-1])
    first = str(fetched["notification"])
    commands = (
        ("inbox", "list", "--json", *config),
        ("inbox", "show", first, "--json", *config),
        ("inbox", "stats", "--json", *config),
        ("inbox", "export", *config),
        ("deliveries", "list", "--json", *config),
        ("deliveries", "show", str(fetched["id"]), "--json", *config),
        ("explain", "--inbox", first, *config),
        ("check", str(scene.rules)),
        ("accounts", "list", "--json", *config),
        ("accounts", "audit", "--json", *config),
        ("doctor", "--offline", "--json", *config),
    )
    answers = await asyncio.gather(*(said(*command) for command in commands))
    return {" ".join(command[:2]): answer for command, answer in zip(commands, answers, strict=True)}


def written(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def leaks(secrets: Iterable[str], texts: dict[str, str] | dict[str, bytes]) -> list[str]:
    """Where a secret stands, the beginning of an access token by itself among them."""
    wanted = [*secrets, "Atza|", "Atzr|"]
    return [
        name
        for name, text in texts.items()
        if any((secret.encode() if isinstance(text, bytes) else secret) in text for secret in wanted)
    ]


async def test_nothing_that_the_demo_leaves_or_says_holds_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy, stop = Spy(monkeypatch), asyncio.Event()
    task = asyncio.create_task(run(Options(rate=50.0, directory=tmp_path), spy.audience, stop))
    async with asyncio.timeout(200):
        await spy.enough.wait()
    texts = await everything_said(spy.scenes[0])
    stop.set()
    await task
    assert spy.spapi.grants["refresh_token", 200] > 0
    assert "orderItemId" in texts["deliveries show"]
    assert "/orders/2026-01-01/" in texts["explain --inbox"]
    assert "A0001SIMULATED" in texts["accounts audit"]
    files = written(tmp_path)
    assert {"rules.toml", "inbox.db"} <= files.keys()
    assert b"orderItemId" in files["inbox.db"] + files.get("inbox.db-wal", b"")
    assert leaks(spy.secrets, texts) == []
    assert leaks(spy.secrets, files) == []
    assert leaks(spy.secrets, {"log": "\n".join(spy.logged), "steps": repr(spy.steps)}) == []
