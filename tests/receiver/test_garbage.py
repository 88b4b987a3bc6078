"""When Python looks for garbage."""

import gc
from collections.abc import Iterator

import pytest

from receiver import garbage


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the collector of the tests' own process as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.enable()


class _Knot:
    def __init__(self) -> None:
        self.me = self


def _knots() -> int:
    return sum(type(each) is _Knot for each in gc.get_objects())


def test_a_start_looks_for_none_and_what_comes_later_is_looked_at() -> None:
    garbage.rest()
    assert not gc.isenabled()
    _Knot()
    garbage.spare()
    assert gc.isenabled()
    assert _knots() == 0
    _Knot()
    assert _knots() == 1
    gc.collect()
    assert _knots() == 0


def test_what_is_there_at_a_fork_is_not_looked_at_again() -> None:
    kept = _Knot()
    garbage.share()
    assert _knots() == 0
    assert gc.get_freeze_count() > 0
    assert kept.me is kept
