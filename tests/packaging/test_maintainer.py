"""Whose package it is that somebody builds."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("environment", "maintainer"),
    [
        ({}, "spapi-router maintainers <maintainers@spapi-router.invalid>"),
        ({"DEBEMAIL": "ops@shop.example"}, "spapi-router maintainers <ops@shop.example>"),
        ({"DEBEMAIL": "ops@shop.example", "DEBFULLNAME": "Shop operations"}, "Shop operations <ops@shop.example>"),
        ({"DEBEMAIL": "Operations <ops@shop.example>", "DEBFULLNAME": "x"}, "Operations <ops@shop.example>"),
    ],
)
def test_the_maintainer_is_who_builds_it(root: Path, environment: dict[str, str], maintainer: str) -> None:
    code = "import build_deb; print(build_deb.maintainer()); print(build_deb.changelog())"
    path = {"PYTHONPATH": f"{root}:{root / 'packaging'}", "PATH": "/usr/bin:/bin"}
    said = subprocess.run(
        [sys.executable, "-c", code], env=path | environment, check=True, capture_output=True, text=True
    ).stdout
    assert said.splitlines()[0] == maintainer
    assert f" -- {maintainer}  " in said
