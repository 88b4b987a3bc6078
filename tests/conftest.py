"""What all tests share: the checkout, Amazon's material, and a whole router on loopback."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from receiver.composition import Parts
from receiver.config import load
from receiver.daemon import Daemon
from receiver.inbox.sqlite import SqliteInbox
from receiver.simulators.sink import Sink
from receiver.simulators.sns import SimulatedSns
from receiver.sns import Roots

# A single example may meet a machine that stands still for a moment: that is no fault, whatever hypothesis' clock says.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

ROOT = Path(__file__).parents[1]
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def pytest_xdist_auto_num_workers() -> int:
    """Two workers a core: half of a test's time is waiting for a process, a disk or a clock."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real messages, Amazon's examples and pattern cases, beside the checkout."""
    return ROOT.parent / "shared" / "data"


@dataclass
class Router:
    """A router that runs inside the test's event loop."""

    daemon: Daemon
    parts: Parts
    rules: Path
    task: asyncio.Task[None]

    @property
    def url(self) -> str:
        """Where SNS pushes to."""
        scheme = "https" if self.daemon.config.server.tls else "http"
        return f"{scheme}://{self.daemon.addresses[0]}{self.daemon.config.server.path}"

    @property
    def admin(self) -> str:
        """The base of the admin listener."""
        return f"http://{self.daemon.admin_addresses[0]}"

    @property
    def inbox(self) -> SqliteInbox:
        """Its inbox."""
        return self.parts.inbox

    async def stop(self) -> None:
        """Stop it as SIGTERM would."""
        self.daemon.stop()
        await self.task


StartRouter = Callable[..., Awaitable[Router]]


def rules_text(topics: str, rest: str, server: str = "", sns: str = "") -> str:
    """A rules file on free ports with its inbox beside it."""
    return (
        f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\n{server}\n'
        f'[sns]\ntopics = ["{topics}"]\n{sns}\n'
        f'[inbox]\ndatabase = "sqlite:inbox.db"\n{rest}\n'
    )


@pytest.fixture
async def start_router(tmp_path: Path) -> AsyncIterator[StartRouter]:
    """Starts a router by the text of a rules file; all are stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(text: str, *, clock: Callable[[], float] = time.time, roots: Roots | None = None) -> Router:
            rules = tmp_path / "rules.toml"
            rules.write_text(text)
            daemon = Daemon(load(rules), clock=clock, roots=roots)
            task = asyncio.create_task(daemon.run())
            ready = asyncio.create_task(daemon.ready.wait())
            await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                ready.cancel()
                task.result()
            router = Router(daemon, daemon.parts, rules, task)
            stack.push_async_callback(router.stop)
            return router

        yield start


@pytest.fixture
async def sns() -> AsyncIterator[SimulatedSns]:
    """A stand-in for SNS."""
    async with SimulatedSns(signature_version="2") as simulated:
        yield simulated


@pytest.fixture
def signer(sns: SimulatedSns, tmp_path: Path) -> str:
    """The lines of a rules file that make a router accept the stand-in."""
    certificate = tmp_path / "signer.pem"
    certificate.write_bytes(sns.certificate)
    return sns.signer(str(certificate))


@pytest.fixture
async def sink(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sink]:
    """Where deliveries arrive."""
    monkeypatch.setenv("WEBHOOK_SECRET", WEBHOOK_SECRET)
    async with Sink() as running:
        yield running


def forward(sink: Sink, name: str = "erp", more: str = "") -> str:
    """A forward handler to the sink."""
    return (
        f'[handlers.{name}]\ntype = "forward"\nurl = "{sink.url}{name}"\nallow_private = true\n'
        f'secret = {{ env = "WEBHOOK_SECRET" }}\n{more}\n'
    )


@pytest.fixture
def forward_to(sink: Sink) -> Callable[..., str]:
    """Writes a forward handler to the sink: `forward_to("erp", "concurrency = 1")`."""

    def write(name: str = "erp", more: str = "") -> str:
        return forward(sink, name, more)

    return write


@pytest.fixture
def write_rules(sns: SimulatedSns, signer: str) -> Callable[..., str]:
    """Writes a rules file that accepts the stand-in's topic: `write_rules(rest, server="…", sns="…")`."""

    def write(rest: str, **sections: Any) -> str:
        return rules_text(sns.topic, signer + rest, **sections)

    return write
