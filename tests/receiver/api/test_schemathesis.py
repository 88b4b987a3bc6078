"""Schemathesis finds no fault: what the OpenAPI document allows and what it forbids is tried on a running router."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

SEED = "20261124"
PROGRAM = Path(sys.executable).with_name("st")


async def tried(stocked: Any, headers: dict[str, str], folder: Path, *options: str) -> tuple[int | None, str]:
    """Try every operation; the program's exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        "run",
        f"{stocked.router.admin}/api/v1/openapi.json",
        *(f"--header={name}: {value}" for name, value in headers.items()),
        "--checks=all",
        f"--seed={SEED}",
        "--suppress-health-check=all",
        "--request-timeout=300",
        "--max-response-time=300",
        *options,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_bounded_run_finds_no_fault(stocked: Any, headers: dict[str, str], tmp_path: Path) -> None:
    code, said = await tried(stocked, headers, tmp_path, "--max-examples=15", "--phases=examples,coverage,fuzzing")
    assert code == 0, said
    assert "No issues found" in said


@pytest.mark.slow
async def test_a_long_run_finds_no_fault(stocked: Any, headers: dict[str, str], tmp_path: Path) -> None:
    code, said = await tried(stocked, headers, tmp_path, "--max-examples=300")
    assert code == 0, said
