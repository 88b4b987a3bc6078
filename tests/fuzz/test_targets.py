"""Each target over its corpus, and over a few seconds of new inputs. `make fuzz SECONDS=n` goes on from there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.__main__ import Run, main, table
from tests.fuzz.target import Target
from tests.fuzz.targets import NAMES, target

_EXAMPLES = 250
CASES = [pytest.param(name, path, id=f"{name}-{path.name}") for name in NAMES for path in target(name).corpus()]


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    """Ends what targets have started."""
    yield
    for name in NAMES:
        target(name).close()


@pytest.mark.parametrize(("name", "path"), CASES)
def test_the_corpus_holds(name: str, path: Path) -> None:
    target(name).check(path.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_new_inputs_hold(name: str) -> None:
    found: Target = target(name)
    suppressed = list(HealthCheck)
    check = given(found.inputs)(found.check)
    settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=suppressed)(check)()


def test_every_target_has_a_corpus_and_words_that_fit_a_dictionary() -> None:
    for name in NAMES:
        assert len(target(name).corpus()) >= 5
        assert all(0 < len(word.encode()) <= 64 * 4 for word in target(name).words)


def test_figures_are_added_up_by_target() -> None:
    runs = [Run("urls", "bytes", 600, 1000, 40, False), Run("urls", "shapes", 600, 234, 50, True)]
    kept = len(target("urls").corpus())
    assert list(table(runs))[2:] == [f"| urls | 20 | 1,234 | {kept} | 1 |"]


def test_an_unknown_target_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nope"])
    assert "there is no target nope" in capsys.readouterr().err
