"""The words that the program says: events of its log, and reasons of its answers, read from its code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from receiver.dispatcher import reporter
from receiver.doctor.registry import CHECKS
from receiver.inbox import connection

ROOT = Path(__file__).parents[2]
ERRORS = {"Refused", "BadMessage", "NotAuthentic", "Unauthorized", "TooLarge", "Unavailable"}
LEVELS = {"debug", "info", "warning", "error"}
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def trees() -> Iterator[ast.Module]:
    """The modules that run in the daemon."""
    for package in ("receiver", "handlers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if not {"simulators", "demo", "cli"} & set(path.parts):
                yield ast.parse(path.read_text("utf-8"))


def calls() -> Iterator[ast.Call]:
    """Every call in them."""
    for tree in trees():
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def constants(node: ast.expr | None) -> Iterator[str]:
    """The texts that an expression may be: also both sides of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*constants(node.body), *constants(node.orelse))


def events() -> set[str]:
    """The names of all events."""
    return {name for level, name in logged() if level != "debug"}


def loud_events() -> set[str]:
    """Those of warnings and errors."""
    return {name for level, name in logged() if level in {"warning", "error", "critical", "?"}}


def logged() -> Iterator[tuple[str, str]]:
    """Level and name of each event; "?" where the level is worked out when it happens."""
    for call in calls():
        if isinstance(call.func, ast.Name) and call.func.id == "log" and len(call.args) >= 3:
            level = call.args[1]
            named = level.attr.lower() if isinstance(level, ast.Attribute) else "?"
            yield from ((named, name) for name in constants(call.args[2]))
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "log" and len(call.args) == 4:
            level = call.args[2]
            named = level.attr.lower() if isinstance(level, ast.Attribute) else "?"
            yield from ((named, name) for name in constants(call.args[3]))
        elif isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS and call.args:
            owner = call.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name in {"log", "_log", "_logger"}:
                yield from ((call.func.attr, event) for event in constants(call.args[0]))
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "_report" and call.args:
            yield from (("error", event) for event in constants(call.args[0]))
    for tree in trees():
        chosen = (node for node in ast.walk(tree) if isinstance(node, ast.Assign) and _names(node) == ["event"])
        yield from (("warning", event) for node in chosen for event in constants(node.value))
    yield from (("error", f"delivery_{outcome}") for outcome in reporter._LEVELS)


def _names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def reasons() -> set[str]:
    """The reasons of refused and postponed pushes."""
    found = {reason for reason, _ in connection._REASONS.values()}
    for call in calls():
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        if name in ERRORS and call.args:
            found |= set(constants(call.args[0]))
        if name == "problem" and len(call.args) > 1:
            found |= set(constants(call.args[1]))
    return found


def checks() -> list[str]:
    """The names of the doctor's checks."""
    return [check.name for check in CHECKS]
