"""A stage for faults: a stand-in for SNS, the daemon as a process, a sink, and the records of both sides."""

import asyncio
import json
import shutil
import time
from asyncio import Task
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import aiohttp

from receiver.simulators.sink import Sink
from receiver.simulators.sns import Answer, Policy, Push, Sender, SimulatedSns
from receiver.simulators.sns.examples import load
from receiver.simulators.sns.load import Pace, send_all
from receiver.simulators.sns.plan import Planned, Spec, plan
from tests.faults.check import CONCURRENCY, IN_FLIGHT, Report, check
from tests.faults.kept import FINAL, KeptError, read_kept
from tests.faults.process import Limits, Process
from tests.faults.record import Arrived, Killed, Recorder, Told, read_arrived, read_told

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WITHIN = 120.0
"""Seconds for what takes a few on a machine that is not busy."""
_AGAIN = 0.05
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Rules:
    """What a rules file says beyond the stage's addresses."""

    server: str = ""
    sns: str = ""
    signer: bool = True
    handler: str = 'timeout = "5s"\nretry = { attempts = 100, first = "200ms", most = "2s" }'
    database: str = "inbox.db"


class Scene:
    """Everything of one test. All that happens is recorded in `told.jsonl` and `arrived.jsonl` in its directory."""

    def __init__(self, directory: Path, seed: int, timeout: float = 15.0) -> None:
        """`timeout` is how many seconds the sender waits for an answer; SNS waits 15."""
        self.directory = directory
        self.random = Random(seed)
        self.sns = SimulatedSns(signature_version="2", sender=Sender(Policy(timeout=timeout)))
        self.told = Recorder(directory / "told.jsonl")
        self.arrived = Recorder(directory / "arrived.jsonl")
        self.sink = Sink(watch=lambda arrival: self.arrived.add(Arrived(arrival.id, arrival.time)))
        self.rules = directory / "rules.toml"
        self.database = directory / "inbox.db"
        self.endpoint = ""
        self.admin = ""
        self._process: Process | None = None
        self._stack = AsyncExitStack()
        self._tasks: list[Task[None]] = []
        self._statuses: Counter[int | None] = Counter()
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.sns)
        await self._stack.enter_async_context(self.sink)
        (self.directory / "sns.pem").write_bytes(self.sns.certificate)
        self.write(Rules())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._process and self._process.running:
            await self._process.kill()
        await self._stack.aclose()
        self.told.close()
        self.arrived.close()

    @property
    def process(self) -> Process:
        """The daemon that was started last."""
        assert self._process is not None, "start it first"
        return self._process

    def write(self, rules: Rules) -> None:
        """Write the rules file."""
        self.database = self.directory / rules.database
        signer = self.sns.signer(str(self.directory / "sns.pem")) if rules.signer else ""
        self.rules.write_text(
            f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\nstop_grace = "5s"\n{rules.server}\n'
            f'[sns]\ntopics = ["{self.sns.topic}"]\n{rules.sns}\n{signer}'
            f'[inbox]\ndatabase = "sqlite://{self.database}"\n[log]\nformat = "json"\n'
            f'[handlers.erp]\ntype = "forward"\nurl = "{self.sink.url}erp"\nallow_private = true\n'
            f'secret = {{ env = "WEBHOOK_SECRET" }}\nconcurrency = {CONCURRENCY}\n{rules.handler}\n'
            '[[rules]]\nname = "all"\nhandlers = ["erp"]\n'
        )

    async def launch(self, limits: Limits | None = None) -> Process:
        """Start the daemon and do not wait for it."""
        self._process = await Process.start(self.rules, {"WEBHOOK_SECRET": SECRET}, limits)
        return self._process

    async def start(self, limits: Limits | None = None) -> Process:
        """Start the daemon and wait until it takes pushes."""
        process = await self.launch(limits)
        await self.ready()
        return process

    async def another(self) -> Process:
        """Launch a second daemon by the same rules; the first stays the stage's."""
        return await Process.start(self.rules, {"WEBHOOK_SECRET": SECRET})

    def move(self, rules: Rules, files: Iterable[Path]) -> None:
        """Copy the inbox's files to where other rules have it."""
        self.write(rules)
        for file in files:
            shutil.copy(file, self.database.with_name(file.name))

    async def page(self, path: str) -> tuple[int, str]:
        """Status and text of a page of the admin listener."""
        timeout = aiohttp.ClientTimeout(total=15)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self.admin + path) as response:
            return response.status, await response.text()

    async def ready(self) -> None:
        """Wait until the daemon that was launched takes pushes."""
        facts = await self.process.ready()
        self.endpoint = f"http://{facts['listen']}/sns"
        self.admin = f"http://{facts['admin']}"

    async def kill(self) -> None:
        """SIGKILL the daemon and note it."""
        await self.process.kill()
        self.told.add(Killed(self.process.pid, time.time()))

    async def cut_off(self) -> None:
        """End both processes of the daemon as a power cut does, and note it."""
        await self.process.cut_off()
        self.told.add(Killed(self.process.pid, time.time()))

    def supervised(self) -> Task[None]:
        """Start the daemon again whenever it dies, as systemd does; ended with the stage."""
        task = asyncio.create_task(self._supervise())
        self._tasks.append(task)
        return task

    def messages(self, count: int, duplicates: float = 0.05) -> Iterator[Planned]:
        """Messages from Amazon's examples, some of them twice; the same for the same seed."""
        return plan(Spec(load(), count, duplicates=duplicates), self.random, time.time)

    def padded(self, planned: Planned, size: int) -> Planned:
        """The message with so much more in it that it has `size` bytes."""
        body = json.loads(planned.message)
        body["Padding"] = self.random.randbytes(max(0, size - len(planned.message)) // 2).hex()
        return replace(planned, message=json.dumps(body))

    def push(self, planned: Planned) -> Push:
        """A message, signed."""
        return self.sns.messages().notification(
            planned.message,
            subscription=f"{self.sns.topic}:0",
            sent_at=planned.sent_at,
            message_id=planned.message_id,
        )

    async def once(self, planned: Planned) -> Answer:
        """Push a message once and record what was answered."""
        return await self.tell(planned, self.push(planned))

    async def tell(self, planned: Planned, push: Push) -> Answer:
        """Push a signed message once and record what was answered."""
        answer = await self.sns.deliver(self.endpoint, push)
        detail = answer.error if answer.status is None else "" if answer.taken else answer.text
        self.told.add(
            Told(push.message_id, planned.notification_id, answer.status, round(answer.seconds, 4), time.time(), detail)
        )
        self._statuses[answer.status] += 1
        async with self._changed:
            self._changed.notify_all()
        return answer

    async def send(self, messages: Iterable[Planned], *, pace: Pace | None = None, within: float = WITHIN) -> None:
        """Push messages, each again until it is acknowledged. Raises TimeoutError."""
        async with asyncio.timeout(within):
            pushes: dict[str, Planned] = {}

            def prepare(planned: Planned) -> Push:
                pushes[planned.message_id] = planned
                return self.push(planned)

            async def deliver(push: Push) -> Answer:
                return await self._insist(pushes[push.message_id], push)

            await send_all(messages, prepare, deliver, pace or Pace(), lambda _planned, _answer: None)

    def sending(self, messages: Iterable[Planned], *, pace: Pace | None = None, within: float = WITHIN) -> Task[None]:
        """`send` beside the test, which awaits the task; it is ended with the stage."""
        task = asyncio.create_task(self.send(messages, pace=pace, within=within))
        self._tasks.append(task)
        return task

    async def acknowledged(self, count: int, within: float = WITHIN) -> None:
        """Wait until `count` pushes in all have been acknowledged."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: self._statuses[200] >= count)

    async def told_status(self, status: int | None, count: int = 1, within: float = WITHIN) -> None:
        """Wait until `count` more pushes have been answered with a status."""
        count += self._statuses[status]
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: self._statuses[status] >= count)

    async def settled(self, within: float = WITHIN) -> None:
        """Wait until every delivery has ended and its webhook is recorded."""
        await until(self._is_settled, within)

    def report(self, *, in_flight: int = IN_FLIGHT) -> Report:
        """What the checker says."""
        story, arrived = read_told(self.told.path), read_arrived(self.arrived.path)
        return check(read_kept(self.database), story, arrived, in_flight=in_flight)

    async def finish(self, within: float = WITHIN) -> Report:
        """Wait until all is delivered, end the daemon gently, and judge."""
        await self.settled(within)
        assert await self.process.stop() == 0, self.process.failure("the daemon did not end well")
        report = self.report()
        assert report.problems == (), f"{report}"
        return report

    async def _supervise(self) -> None:
        while True:
            status = await self.process.ended(within=3600)
            if status == 0:
                return
            self.told.add(Killed(self.process.pid, time.time()))
            await self.start()

    async def _insist(self, planned: Planned, push: Push) -> Answer:
        answer = await self.tell(planned, push)
        while answer.retryable:
            await asyncio.sleep(_AGAIN)
            answer = await self.tell(planned, push)
        return answer

    async def _is_settled(self) -> bool:
        try:
            kept = await asyncio.to_thread(read_kept, self.database)
        except KeptError:
            return False
        return all(each.state in FINAL for each in kept.deliveries)


async def until(condition: Callable[[], Awaitable[bool]], within: float) -> None:
    """Wait until a condition holds, looking again and again. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(_LOOK)
