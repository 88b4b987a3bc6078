"""The house's own rules: who may import whom, and how large a module and a function may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOORS = {"handlers", "handlers.base", "handlers.registry"}
"""What of the handlers the daemon may import."""
PURE = [
    "receiver/notification.py",
    "receiver/times.py",
    "receiver/rules",
    "receiver/sns/parsing.py",
    "receiver/sns/urls.py",
]
IO = {"aiohttp", "httpx", "asyncio", "sqlite3", "aiosqlite", "socket", "subprocess"}
SOURCES = sorted([*(ROOT / "receiver").rglob("*.py"), *(ROOT / "handlers").rglob("*.py")])


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            module = node.module or ""
            yield module
            if module in {"handlers", "receiver"}:
                yield from (f"{module}.{alias.name}" for alias in node.names)


def under(folder: str) -> list[Path]:
    return [path for path in SOURCES if path.is_relative_to(ROOT / folder)]


def test_handlers_never_import_receiver() -> None:
    assert [path for path in under("handlers") if any(name.split(".")[0] == "receiver" for name in imports(path))] == []


def test_receiver_reaches_handlers_through_its_doors_only() -> None:
    found = {(str(path.relative_to(ROOT)), name) for path in under("receiver") for name in imports(path)}
    assert {(path, name) for path, name in found if name.split(".")[0] == "handlers" and name not in DOORS} == set()


@pytest.mark.parametrize("place", PURE)
def test_pure_code_does_no_io(place: str) -> None:
    for path in under(place):
        assert IO.isdisjoint(name.split(".")[0] for name in imports(path)), path


def test_modules_fit_and_functions_fit_on_a_screen() -> None:
    """A module that is longer says why in its docstring: "Longer than 300 lines: …"."""
    too_long = []
    for path in SOURCES:
        text = path.read_text("utf-8")
        if len(text.splitlines()) > 300 and "Longer than 300 lines" not in (ast.get_docstring(ast.parse(text)) or ""):
            too_long.append(f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                if (node.end_lineno or first) - node.lineno >= 40:
                    too_long.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}")
    assert too_long == []
