"""The daemon as a service: what it tells systemd over its life, and restarts that refuse no push."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from receiver.inbox import SqliteInbox
from receiver.simulators.sns import SimulatedSns
from tests.receiver.manager import Manager, Service

OF_THE_LISTENERS = {"_pydantic_core", "_http_parser"}
"""Of pydantic and aiohttp."""
RULES = '[handlers.log]\ntype = "log"\nlevel = "debug"\n[[rules]]\nname = "all"\nhandlers = ["log"]\n'


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[Manager]:
    manager = Manager(tmp_path, watchdog=1.0)
    yield manager
    await manager.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as opened:
        yield opened


@pytest.fixture
def url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}/sns"


@pytest.fixture
async def service(
    write_rules: Any, tmp_path: Path, manager: Manager, listener: socket.socket
) -> AsyncIterator[Service]:
    rules = tmp_path / "rules.toml"
    rules.write_text(write_rules(RULES))
    service = Service(rules, manager.environment, listener)
    await service.start(manager.hear(is_ready))
    yield service
    await service.kill()


def is_ready(said: dict[str, str]) -> bool:
    return said.get("READY") == "1"


async def test_the_life_of_a_service(
    service: Service, manager: Manager, sns: SimulatedSns, url: str, tmp_path: Path
) -> None:
    ready = await manager.hear(is_ready)
    assert manager.heard[ready]["STATUS"] == f"1 rules, 1 handlers, at {url.split('/')[2]}"
    assert (await sns.publish(url, "hello")).status == 200
    await manager.hear(lambda said: said.get("STATUS", "").startswith("received 1, waiting 0, dead 0; 1 rules"))
    for _ in range(2):
        await manager.hear(lambda said: said == {"WATCHDOG": "1"}, after=len(manager.heard))

    before = len(manager.heard)
    service.process.send_signal(signal.SIGHUP)
    reloading = await manager.hear(lambda said: said.get("RELOADING") == "1", after=before)
    assert int(manager.heard[reloading]["MONOTONIC_USEC"]) > 0
    await manager.hear(is_ready, after=reloading)

    rules = tmp_path / "rules.toml"
    good = rules.read_text()
    rules.write_text(good.replace('handlers = ["log"]', 'handlers = ["lgo"]'))
    before = len(manager.heard)
    service.process.send_signal(signal.SIGHUP)
    ready = await manager.hear(is_ready, after=before)
    assert manager.heard[ready]["STATUS"].startswith("RELOAD REFUSED, the rules before it go on: ")
    assert 'did you mean "log"' in manager.heard[ready]["STATUS"]
    await manager.hear(lambda said: "dead 0; RELOAD REFUSED" in said.get("STATUS", ""), after=ready)
    rules.write_text(good)
    service.process.send_signal(signal.SIGHUP)
    await manager.hear(lambda said: is_ready(said) and "1 rules" in said["STATUS"], after=ready + 1)

    before = len(manager.heard)
    assert await service.stop() == 0
    stopping = await manager.hear(lambda said: said.get("STOPPING") == "1", after=before)
    assert int(manager.heard[stopping]["EXTEND_TIMEOUT_USEC"]) == 35_000_000


async def test_a_frozen_process_gives_no_sign_of_life(service: Service, manager: Manager) -> None:
    await manager.hear(lambda said: "WATCHDOG" in said)
    service.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(0.2)
    heard = len(manager.heard)
    await asyncio.sleep(1.0)
    assert len(manager.heard) == heard
    service.process.send_signal(signal.SIGCONT)
    await manager.hear(lambda said: "WATCHDOG" in said, after=heard)


async def test_hurried_reloads_run_one_after_the_other(service: Service, manager: Manager) -> None:
    before = len(manager.heard)
    for count in range(1, 4):
        service.process.send_signal(signal.SIGHUP)
        await manager.hear(lambda _, count=count: told(manager, before).count("RELOADING") == count, after=before)
    await manager.hear(lambda _: told(manager, before).count("READY") == 3, after=before)
    assert told(manager, before) == ["RELOADING", "READY"] * 3


def told(manager: Manager, after: int) -> list[str]:
    return [name for said in manager.heard[after:] for name in ("RELOADING", "READY") if name in said]


async def test_an_abort_by_the_watchdog_says_what_each_thread_was_doing(service: Service) -> None:
    service.process.send_signal(signal.SIGABRT)
    assert await asyncio.wait_for(service.process.wait(), 30) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in service.log
    assert "serve.py" in service.log


AT_ONCE = 900


@pytest.mark.parametrize(("pushes", "rate"), [(600, 200.0), pytest.param(5000, 500.0, marks=pytest.mark.slow)])
async def test_restarts_under_load_refuse_no_push(
    service: Service, manager: Manager, sns: SimulatedSns, url: str, tmp_path: Path, pushes: int, rate: float
) -> None:
    """Each push is a connection of its own, and comes at its time however many others still wait.

    They come until the last restart is over, and then until there were `pushes`.
    """
    answers: list[int] = []
    places = asyncio.Semaphore(AT_ONCE)
    over = asyncio.Event()

    async def push(number: int) -> None:
        message = sns.messages().notification(f"push {number}", subscription=f"{sns.topic}:1", sent_at=sns.clock())
        async with (
            places,
            aiohttp.ClientSession() as client,
            client.post(url, data=message.body, headers=message.headers) as answer,
        ):
            answers.append(answer.status)

    async def load() -> int:
        clock = asyncio.get_running_loop().time
        begin, count = clock(), 0
        async with asyncio.TaskGroup() as tasks:
            while count < pushes or not over.is_set():
                await asyncio.sleep(begin + count / rate - clock())
                tasks.create_task(push(count))
                count += 1
        return count

    pushing = asyncio.create_task(load())
    for restart in (1, 2):
        while len(answers) < restart * pushes // 4:
            await asyncio.sleep(0.01)
        assert await service.stop() == 0
        await service.start(manager.hear(is_ready, after=len(manager.heard)))
    over.set()
    count = await pushing
    assert answers == [200] * count
    assert await service.stop() == 0
    inbox = await SqliteInbox.read(tmp_path / "inbox.db")
    try:
        assert (await inbox.stats()).notifications == count
    finally:
        await inbox.close()


async def test_the_process_that_writes_the_inbox_has_loaded_only_what_it_works_with(
    service: Service, manager: Manager, sns: SimulatedSns, url: str
) -> None:
    assert (await sns.publish(url, "hello")).status == 200
    await manager.hear(lambda said: said.get("STATUS", "").startswith("received 1, waiting 0, dead 0"))
    (writer,) = children_of(service.process.pid)
    assert libraries(service.process.pid) >= OF_THE_LISTENERS
    assert OF_THE_LISTENERS.isdisjoint(libraries(writer))
    assert "_sqlite3" in libraries(writer)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def libraries(pid: int) -> set[str]:
    """The extension modules and libraries of a process, by their names up to the first dot."""
    files = [line.split(maxsplit=5)[5:] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    return {Path(file[0]).name.partition(".")[0] for file in files if file}
