"""Stages for the rows of the table, one daemon for each kind, and the summary at the end of a run."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.attacks.forge import Forge
from tests.attacks.row import Kind
from tests.attacks.stage import Stage

_ANSWERED = "attack"


@pytest.fixture(scope="session")
def forge() -> Forge:
    """Amazon's material."""
    return Forge()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage_of(
    forge: Forge, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Callable[[Kind], Awaitable[Stage]]]:
    """The stage of a kind, started when its first row comes; one at a time."""
    running: dict[str, Stage] = {}
    async with AsyncExitStack() as stack:

        async def start(kind: Kind) -> Stage:
            if kind.name not in running:
                await stack.aclose()
                running.clear()
                stage = Stage(kind, forge, tmp_path_factory.mktemp("stage"))
                running[kind.name] = await stack.enter_async_context(stage)
            return running[kind.name]

        yield start


@pytest.fixture
def answered(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Notes a kind and an answer for the summary."""

    def note(kind: str, answer: str) -> None:
        request.node.user_properties.append((_ANSWERED, (kind, answer)))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many rows were tried, by kind, and how they were answered."""
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties if report.when == "call" else ():
            if name == _ANSWERED:
                by_kind[value[0]][value[1]] += 1
    if not by_kind:
        return
    terminalreporter.section("attacks")
    for kind, answers in by_kind.items():
        told = ", ".join(f"{count} of {answer}" for answer, count in answers.most_common())
        terminalreporter.write_line(f"{kind}: {answers.total()} rows ({told})")
    right = sum(answers.total() for answers in by_kind.values())
    failed = [report for report in terminalreporter.getreports("failed") if "test_table.py::test_row" in report.nodeid]
    terminalreporter.write_line(f"rows tried: {right + len(failed)}, right answers: {right}, wrong: {len(failed)}")
