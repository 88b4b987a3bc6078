"""Faults on purpose."""

from typing import Any

import pytest

from handlers.spapi.errors import SpapiError, Unreachable
from receiver.simulators.errors import SimulationError
from receiver.simulators.spapi.faults import Dice, Fault

ORDER = "123-1234567-1234567"


def test_faults_as_they_are_written() -> None:
    assert Fault.parse("503:5%") == Fault("503", 0.05)
    assert Fault.parse("slow:10%") == Fault("slow", 0.1, 2.0)
    assert Fault.parse("slow:2.5%:250ms") == Fault("slow", 0.025, 0.25)
    assert Fault.parse("cut:100%") == Fault("cut", 1.0)


@pytest.mark.parametrize("text", ["", "503", "503:5", "200:5%", "503:101%", "503:5%:2s", "slow:5%:2", "slow:5%:x"])
def test_faults_that_make_no_sense(text: str) -> None:
    with pytest.raises(SimulationError, match="is not a fault"):
        Fault.parse(text)


def test_a_seed_makes_the_same_faults_again() -> None:
    def rolled(seed: int) -> list[int]:
        dice = Dice([Fault("503", 0.3)], seed)
        return [len(dice.roll()) for _ in range(200)]

    assert rolled(1) == rolled(1) != rolled(2)
    assert 30 < sum(rolled(1)) < 90


async def test_statuses_cuts_and_slowness_arrive(start: Any) -> None:
    both = await start(faults=(Fault("500", 1.0), Fault("slow", 1.0, 0.01)))
    with pytest.raises(SpapiError, match="answered 500: InternalFailure: A simulated fault"):
        await both.call("orders.getOrder", orderId=ORDER)
    cut = await start(faults=(Fault("cut", 1.0),))
    with pytest.raises(Unreachable, match=r"orders\.2026-01-01\.getOrder"):
        await cut.call("orders.getOrder", orderId=ORDER)
