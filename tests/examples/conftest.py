"""The scene of every example: its own rules file in a router, between stand-ins for SNS, SP-API and the webhooks."""

import asyncio
import importlib.util
import json
import sys
import time
import tomllib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from receiver.inbox import DeliveryFilter, DeliveryRow, SqliteInbox, State
from receiver.simulators.sink import Sink
from receiver.simulators.spapi import Settings, SimulatedSpapi
from receiver.simulators.spapi.shop import Shop

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTIFICATIONS = EXAMPLES.parent / "receiver/simulators/data/notifications"


def _rehearse() -> Any:
    """The module that README.md of each example has people try it with."""
    spec = importlib.util.spec_from_file_location("rehearse", EXAMPLES / "rehearse.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rehearse"] = module
    spec.loader.exec_module(module)
    return module


rehearse = _rehearse()


class HeldClock:
    """A clock that stands still until it is let go: what comes meanwhile is one burst, however slow the machine is."""

    def __init__(self) -> None:
        self._held: float | None = time.time()
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self._ahead if self._held is None else self._held

    def go_on(self, seconds: float) -> None:
        """Run from now on, so many seconds ahead."""
        self._held, self._ahead = None, seconds


@dataclass
class Scene:
    """An example at work."""

    rehearsal: Any
    router: Any
    clock: Any

    @property
    def sink(self) -> Sink:
        sink: Sink = self.rehearsal.sink
        return sink

    @property
    def amazon(self) -> SimulatedSpapi:
        amazon: SimulatedSpapi = self.rehearsal.amazon
        return amazon

    @property
    def inbox(self) -> SqliteInbox:
        inbox: SqliteInbox = self.router.inbox
        return inbox

    @property
    def shop(self) -> Shop:
        """The shop of the stand-in's first seller."""
        return self.amazon.amazon.world.shops[self.amazon.settings.seller_id(1)]

    @property
    def bodies(self) -> list[Any]:
        """What arrived, in its order."""
        return [json.loads(arrival.body) for arrival in self.sink.arrivals]

    def calls(self, operation: str) -> int:
        """How often an operation was called with success."""
        counted = self.amazon.amazon.statistics.calls
        return sum(
            count for (name, status), count in counted.items() if name.endswith(f".{operation}") and status < 400
        )

    def written(self, name: str) -> list[Any]:
        """The lines of a file below the example's directory."""
        path = self.rehearsal.files / "var/lib/spapi-router" / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    async def push(self, notification: Any) -> None:
        """Push a notification of the stand-in's first seller, or a text as it is."""
        text = notification if isinstance(notification, str) else self.rehearsal.message(json.dumps(notification))
        answer = await self.rehearsal.sns.publish(self.router.url, text)
        assert (answer.status, answer.text) == (200, "accepted")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, for thirty seconds."""
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.01)

    async def ended(self) -> list[DeliveryRow]:
        """Every delivery, once all have ended."""
        rows: list[DeliveryRow] = await rehearse.ended(self.inbox, 150.0)
        return rows

    async def after(self, seconds: float) -> list[DeliveryRow]:
        """Every delivery, once so many seconds have passed since the burst and all have ended."""
        self.clock.go_on(seconds)
        self.router.parts.dispatcher.wake(list(self.router.daemon.config.handlers))
        return await self.ended()

    async def replay(self, delivery_id: int) -> int:
        """What `deliveries replay ID` does beside the running router: how many are sent again."""
        count = await self.inbox.replay(DeliveryFilter(ids=(delivery_id,)), time.time())
        self.router.parts.dispatcher.wake([row.handler for row in await self.inbox.deliveries(DeliveryFilter())])
        return count

    async def dead(self) -> dict[str, str]:
        """Why deliveries are dead, by handler."""
        rows = await self.inbox.deliveries(DeliveryFilter(states=(State.DEAD,)))
        return {row.handler: row.reason for row in rows}


Change = Callable[[dict[str, Any]], None]
Play = Callable[..., Awaitable[Scene]]


@pytest.fixture
async def play(tmp_path: Path, start_router: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Play]:
    """Starts an example: `play("order-to-erp", change=lambda rules: …, sellers=2)`; the rest goes to the stand-in."""
    async with AsyncExitStack() as stack:

        async def start(
            name: str, *, change: Change = lambda _rules: None, clock: Any = time.time, **settings: Any
        ) -> Scene:
            source = tomllib.loads((EXAMPLES / name / "rules.toml").read_text())
            made = Settings(**{"region": rehearse.region_of(source), "report_time": 0.0} | settings)
            rehearsal = await stack.enter_async_context(rehearse.rehearsal(tmp_path, made))
            rules = rehearsal.rules(source)
            change(rules)
            for variable, value in rehearsal.environment.items():
                monkeypatch.setenv(variable, value)
            return Scene(rehearsal, await start_router(rehearse.document(rules), clock=clock), clock)

        yield start


def sample(path: Path, event_time: float | None = None) -> dict[str, Any]:
    """A notification like one in a file, with an id of its own. `event_time` is in seconds since the epoch."""
    notification: dict[str, Any] = json.loads(path.read_text())
    for name in ("NotificationMetadata", "notificationMetadata"):
        if name in notification:
            identity = next(key for key in notification[name] if key.lower() == "notificationid")
            notification[name][identity] = str(uuid.uuid4())
    if event_time is not None:
        name = "EventTime" if "EventTime" in notification else "eventTime"
        notification[name] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event_time))
    return notification


@pytest.fixture
def held() -> HeldClock:
    """A clock that stands still until `Scene.after`."""
    return HeldClock()


@pytest.fixture(name="sample")
def sample_fixture() -> Callable[..., dict[str, Any]]:
    """Makes notifications like Amazon's examples, or like an example's own: `sample("ORDER_CHANGE", 1_700_000_000)`."""

    def make(name: str, event_time: float | None = None) -> dict[str, Any]:
        path = EXAMPLES / name if "/" in name else NOTIFICATIONS / f"{name}.json"
        return sample(path, event_time)

    return make
