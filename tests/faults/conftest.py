"""The stage of each test of this directory, and the table of figures at the end of a run."""

import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.check import Report
from tests.faults.scene import Scene

_FIGURES = "faults"


@pytest.fixture
def seed() -> int:
    """What random choices grow from: FAULTS_SEED of the environment, else new each time; shown where a test fails."""
    seed = int(os.environ.get("FAULTS_SEED", random.randrange(1 << 32)))
    print(f"FAULTS_SEED={seed}")
    return seed


@pytest.fixture
async def scene(tmp_path: Path, seed: int) -> AsyncIterator[Scene]:
    """A stage whose daemon has not been started."""
    async with Scene(tmp_path, seed) as stage:
        yield stage


class Figures:
    """Keeps what a test found for the table at the end of the run."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._properties = request.node.user_properties

    def add(self, report: Report | str) -> None:
        """Keep a report or a line."""
        print(report)
        self._properties.append((_FIGURES, str(report)))


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Where a test leaves its figures."""
    return Figures(request)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of every test that left some."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [
        f"{report.nodeid.rpartition('::')[2]}: {value}"
        for report in reports
        if report.when == "call"
        for name, value in report.user_properties
        if name == _FIGURES
    ]
    if lines:
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.write_line(line)
