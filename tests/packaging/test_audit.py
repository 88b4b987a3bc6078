"""The audit of locked dependencies: what it makes of each of pip-audit's answers."""

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOUND = {"name": "click", "version": "8.5.1", "vulns": []}
SICK = {"name": "jinja2", "version": "2.10", "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}]}
HOPELESS = {"name": "x", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": []}]}
UNKNOWN = {"name": "six", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture
def audit(root: Path, tmp_path: Path) -> Any:
    """Runs the audit with a pip-audit beside its Python that answers as told."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "python").symlink_to(sys.executable)
    lock = tmp_path / "some.lock"
    lock.write_text("click==8.5.1\n")

    def run(output: str, error: str = "", *options: str) -> tuple[int, str]:
        tool = binaries / "pip-audit"
        tool.write_text(f"#!/bin/sh\necho '{error}' >&2\ncat <<'END'\n{output}\nEND\nexit 1\n")
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        command = [str(binaries / "python"), str(root / "packaging" / "audit.py"), str(lock), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def report(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        ((SOUND,), 0, "1 packages audited, no known vulnerability"),
        ((SOUND, SICK), 1, "jinja2 2.10: PYSEC-2019-217, fixed in 2.10.1"),
        ((HOPELESS,), 1, "x 1: CVE-1, fixed in no version yet"),
        ((SICK, UNKNOWN), 1, "jinja2 2.10: PYSEC-2019-217"),
        ((SOUND, UNKNOWN), 0, "NOT AUDITED, the advisories cannot be had: the index has no word on six"),
        ((), 0, "NOT AUDITED"),
    ],
)
def test_what_was_found(audit: Any, found: tuple[Any, ...], code: int, said: str) -> None:
    assert audit(report(*found))[0] == code
    assert said in audit(report(*found))[1]


def test_strict_takes_no_audit_for_a_failure(audit: Any) -> None:
    assert audit(report(UNKNOWN), "", "--strict")[0] == 75
    assert audit(report(SOUND), "", "--strict")[0] == 0


def test_no_network_is_no_failure_and_a_broken_lock_is_one(audit: Any) -> None:
    code, said = audit("", "requests.exceptions.ConnectionError: Failed to resolve pypi.org")
    assert code == 0
    assert "NOT AUDITED, the advisories cannot be had: requests.exceptions.ConnectionError" in said
    code, said = audit("", "packaging.requirements.InvalidRequirement: expected a version")
    assert code == 2
    assert "the audit failed: packaging.requirements.InvalidRequirement" in said
