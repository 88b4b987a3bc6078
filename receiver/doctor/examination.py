"""Running the checks: all at once, each bounded in time, their results in the order of the list."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from handlers.base import HandlerError
from receiver.config import load
from receiver.doctor.check import Check, Result, finding, ok, skipped, warning
from receiver.doctor.patient import Patient, Ways, admitted
from receiver.doctor.registry import CHECKS
from receiver.errors import ConfigError, RouterError

RULES_FILE = "rules file"


@dataclass(frozen=True, slots=True)
class Orders:
    """What an examination is to look at. `environ` is this program's environment."""

    rules: Path
    ways: Ways
    environ: Mapping[str, str]
    offline: bool = False
    checks: Sequence[Check] = CHECKS


async def examine(orders: Orders) -> AsyncGenerator[tuple[str, Result], None]:
    """The results with the names of their checks. Raises nothing that the router's state could cause."""
    try:
        config = load(orders.rules)
    except ConfigError as error:
        for each in error.findings:
            yield RULES_FILE, finding(str(each), "correct it; `spapi-router check` shows all errors")
        for check in orders.checks:
            yield check.name, skipped("the rules file cannot be used")
        return
    yield RULES_FILE, ok(f"{config.path} can be used")
    for each in config.warnings:
        yield RULES_FILE, warning(str(each), "correct it, or leave it if it is meant")
    async with admitted(config, orders.ways, orders.environ) as patient:
        running = [(check, asyncio.create_task(_results(check, patient, orders.offline))) for check in orders.checks]
        try:
            for check, task in running:
                for result in await task:
                    yield check.name, result
        finally:
            for _, task in running:
                task.cancel()


async def _results(check: Check, patient: Patient, offline: bool) -> Sequence[Result]:
    if offline and check.network:
        return [skipped("--offline")]
    try:
        async with asyncio.timeout(check.seconds):
            return await check.run(patient)
    except TimeoutError:
        return [finding(f"no result within {check.seconds:g} s", "run it again when the machine is less busy")]
    except PermissionError as error:
        return [skipped(f"{error.filename}: {error.strerror}: run as root")]
    except (RouterError, HandlerError, OSError) as error:
        return [finding(str(error), "see the text above")]
    except Exception as error:  # noqa: BLE001 - one check that fails must not hide what the others find
        return [finding(f"the check itself failed: {type(error).__name__}: {error}", "report it as a fault")]
