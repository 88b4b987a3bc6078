import sys
from pathlib import Path

import pytest

from handlers import registry
from handlers.base import Handler
from handlers.errors import SettingsError

MODULE = """
from handlers.base import Handler, Done

class Good(Handler):
    async def handle(self, delivery):
        return Done()

class Lazy(Handler):
    pass

class Odd(Good):
    Settings = None

class Stranger:
    pass

class Outer:
    class Inner(Good):
        pass
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on the import path, forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def own(site: Path) -> Path:
    (site / "own_handlers.py").write_text(MODULE)
    return site


def offer(site: Path, distribution: str, *lines: str) -> None:
    """Install a distribution that offers entry points."""
    info = site / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(["[spapi_router.handlers]", *lines, ""]))


def complaint(type_name: str) -> str:
    with pytest.raises(SettingsError) as caught:
        registry.find(type_name)
    return str(caught.value)


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_built_in_type_can_be_loaded(name: str) -> None:
    assert issubclass(registry.find(name), Handler)


def test_a_misspelt_type_gets_a_suggestion() -> None:
    assert complaint("foward") == "there is no handler type 'foward': did you mean 'forward'?"


def test_a_type_like_no_other_gets_the_list() -> None:
    message = complaint("zzz")
    assert "forward, exec" in message
    assert "python:package.module:Class" in message


def test_a_class_of_the_users_own(own: Path) -> None:
    found = registry.find("python:own_handlers:Good")
    assert found.__name__ == "Good"
    assert issubclass(found, Handler)
    assert registry.find("python:own_handlers:Outer.Inner").__name__ == "Inner"


@pytest.mark.parametrize(
    "place", ["", "own_handlers", "own_handlers:", ":Good", "own handlers:Good", "a/b:G", "a..b:C"]
)
def test_a_place_that_names_no_class(place: str) -> None:
    assert 'write "python:package.module:Class"' in complaint(f"python:{place}")


@pytest.mark.parametrize(
    ("class_name", "words"),
    [
        ("Stranger", "derive the class from handlers.base.Handler"),
        ("Lazy", "does not define handle"),
        ("Odd", "Odd.Settings is not a pydantic model"),
        ("Goood", "has no Goood: did you mean 'Good'?"),
        ("Outer.Iner", "has no Outer.Iner: did you mean 'Inner'?"),
    ],
)
def test_a_class_that_cannot_serve(own: Path, class_name: str, words: str) -> None:
    assert words in complaint(f"python:own_handlers:{class_name}")


def test_a_module_that_is_not_there(site: Path) -> None:
    assert "there is no module not_installed_here: install the package" in complaint("python:not_installed_here:A")
    assert "there is no module handlers.nowhere" in complaint("python:handlers.nowhere:A")


def test_a_module_that_misses_another_is_not_called_missing_itself(site: Path) -> None:
    (site / "needy.py").write_text("import absent_dependency")
    assert "needy needs a module that is missing: absent_dependency" in complaint("python:needy:A")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("def", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_that_fails_says_how(site: Path, source: str, words: str) -> None:
    (site / "broken_module.py").write_text(source)
    assert f"module broken_module fails when imported: {words}" in complaint("python:broken_module:A")


def test_an_installed_package_offers_a_type(own: Path) -> None:
    offer(own, "shipping", "ship = own_handlers:Good")
    assert registry.find("ship").__name__ == "Good"
    assert registry.names() == [*registry.BUILT_IN, "ship"]
    assert "did you mean 'ship'?" in complaint("shipp")


def test_a_built_in_type_cannot_be_replaced(own: Path) -> None:
    offer(own, "impostor", "forward = own_handlers:Good")
    assert registry.find("forward").__module__ == "handlers.forward"
    assert registry.names().count("forward") == 1


def test_two_packages_that_offer_one_type_are_an_error(own: Path) -> None:
    offer(own, "one", "ship = own_handlers:Good")
    offer(own, "two", "ship = own_handlers:Outer.Inner")
    message = complaint("ship")
    assert "several installed packages (own_handlers:Good, own_handlers:Outer.Inner)" in message
    assert '"python:own_handlers:Good"' in message
