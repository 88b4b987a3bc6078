"""A whole soak, as long as SOAK_MINUTES says (30 where it does not)."""

import os
from pathlib import Path

import pytest

from tests.soak.__main__ import print_outcome
from tests.soak.soak import Soak


@pytest.mark.slow
@pytest.mark.timeout(0)
async def test_a_long_steady_run_with_faults_stays_flat_and_loses_nothing(tmp_path: Path, seed: int) -> None:
    minutes = float(os.environ.get("SOAK_MINUTES", "30"))
    outcome = await Soak(tmp_path, minutes * 60, 50, seed).run(print)
    print_outcome(outcome)
    assert outcome.report.problems == ()
    assert [str(each) for each in outcome.trends if not each.flat] == []
    assert outcome.report.kills == 5
