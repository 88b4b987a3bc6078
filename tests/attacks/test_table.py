"""Every row of the table gets its right answer from the real daemon, and what must not happen does not."""

from collections.abc import Awaitable, Callable

import pytest

from tests.attacks.row import Kind, Row
from tests.attacks.stage import Stage
from tests.attacks.table import KINDS

ROWS = [
    pytest.param(kind, row, id=f"{kind.name}: {row.name}", marks=[pytest.mark.slow] if row.slow else [])
    for kind in KINDS
    for row in kind.rows
]


def test_the_table_is_one_of_eighty_rows_and_more_each_with_a_name_of_its_own() -> None:
    names = [(kind.name, row.name) for kind in KINDS for row in kind.rows]
    assert len(names) >= 80
    assert len(set(names)) == len(names)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("kind", "row"), ROWS)
async def test_row(
    stage_of: Callable[[Kind], Awaitable[Stage]], answered: Callable[[str, str], None], kind: Kind, row: Row
) -> None:
    stage = await stage_of(kind)
    answered(kind.name, await stage.attack(row))
