"""The wheel, installed as pipx and uv do it: into an environment of its own, away from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
NEEDED = [
    "receiver/data/rules.toml",
    "receiver/data/systemd/spapi-router.service",
    "handlers/spapi/data/operations.json",
]


@pytest.fixture(scope="module")
def environment(root: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and what the lock file of the program names: nothing for development."""
    place = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    lock = root / "packaging" / "runtime.lock"
    subprocess.run([*pip, "--require-hashes", "--requirement", str(lock)], check=True, capture_output=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True, capture_output=True)
    subprocess.run([*pip[:3], "check"], check=True, capture_output=True)
    return place


def run(environment: Path, directory: Path, *arguments: str) -> str:
    command = [str(environment / "bin" / "spapi-router"), *arguments]
    clean = {"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "HOME": str(directory), "LANG": "C.UTF-8"}
    done = subprocess.run(command, cwd=directory, env=clean, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_what_the_program_reads(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())
    assert not [name for name in NEEDED if name not in names]
    assert not [name for name in names if name.startswith(("tests/", "bench/", "packaging/"))]


def test_check_and_demo_run_without_the_checkout(environment: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text((root / "packaging/deb/rules.toml").read_text())
    assert "rules.toml: ok, 1 rule, 1 handler" in run(environment, tmp_path, "check")
    said = run(environment, tmp_path, "demo", "--count", "5")
    assert "5" in said
    assert "[Unit]" in run(environment, tmp_path, "install", "--systemd", "--print")
    assert run(environment, tmp_path, "completion", "bash").startswith("_spapi_router_completion()")


def test_nothing_but_the_locked_packages_is_needed(environment: Path, tmp_path: Path) -> None:
    """Every module is imported, but for those of extras: none leans on a package of the development environment."""
    code = (
        "import importlib, pkgutil, receiver, handlers\n"
        "extras = {'botocore', 'opentelemetry'}\n"
        "for package in (receiver, handlers):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if module.name == 'receiver.__main__':\n"
        "            continue\n"
        "        try:\n"
        "            importlib.import_module(module.name)\n"
        "        except ModuleNotFoundError as error:\n"
        "            if error.name.split('.')[0] not in extras:\n"
        "                raise\n"
    )
    python = environment / "bin" / "python"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    subprocess.run([str(python), "-c", code], cwd=tmp_path, env=clean, check=True)
