"""All targets by name. A target is imported when it is asked for, so that its subject can be instrumented first."""

import importlib

from tests.fuzz.target import Target

NAMES = ("message", "urls", "envelope", "pattern", "template", "rules_file", "door")
UNGUIDED = frozenset({"door"})
"""Targets whose subject is another process, where no coverage can be seen."""


def target(name: str) -> Target:
    """The target of that name."""
    found: Target = importlib.import_module(f"tests.fuzz.{name}").TARGET
    return found
