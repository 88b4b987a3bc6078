"""What random choices grow from."""

import os
import random

import pytest


@pytest.fixture
def seed() -> int:
    """SOAK_SEED of the environment, else new each time; shown where a test fails."""
    seed = int(os.environ.get("SOAK_SEED", random.randrange(1 << 32)))
    print(f"SOAK_SEED={seed}")
    return seed
