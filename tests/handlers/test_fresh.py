from typing import Any

import pytest

from handlers.fresh import Fresh


class Source:
    """Counts how often it is read; raises while it is broken."""

    def __init__(self) -> None:
        self.readings = 0
        self.broken = False

    def read(self) -> int:
        self.readings += 1
        if self.broken:
            raise OSError("gone")
        return self.readings


def test_a_value_is_shared_until_it_is_old(clock: Any) -> None:
    source = Source()
    fresh = Fresh(source.read, clock, 2.0)
    assert [fresh.get(), fresh.get()] == [1, 1]
    clock.now += 1.9
    assert fresh.get() == 1
    clock.now += 0.2
    assert [fresh.get(), fresh.get()] == [2, 2]


def test_a_clock_that_jumps_back_does_not_keep_it_forever(clock: Any) -> None:
    fresh = Fresh(Source().read, clock, 2.0)
    assert fresh.get() == 1
    clock.now -= 1000
    assert fresh.get() == 2


def test_a_failure_is_neither_hidden_nor_kept(clock: Any) -> None:
    source = Source()
    fresh = Fresh(source.read, clock, 2.0)
    fresh.get()
    source.broken = True
    clock.now += 3
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            fresh.get()
    clock.now -= 3
    with pytest.raises(OSError, match="gone"):
        fresh.get()
    source.broken = False
    assert fresh.get() == 5
