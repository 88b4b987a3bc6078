"""Of deliveries that something is kept for, those that have ended, so that nobody will come for it."""

from collections.abc import Sequence

from receiver.inbox.tokens import Tables

_AT_ONCE = 200
_ENDED = (
    "WITH asked (id) AS (VALUES {}) SELECT id FROM asked WHERE NOT EXISTS ("
    "SELECT 1 FROM deliveries WHERE deliveries.id = asked.id AND state IN (0, 1, 2))"
)
_EMPTY = (
    "WITH asked (handler, line) AS (VALUES {}) SELECT handler, line FROM asked WHERE NOT EXISTS ("
    "SELECT 1 FROM deliveries INDEXED BY deliveries_front WHERE deliveries.handler = asked.handler "
    "AND deliveries.key = asked.line AND deliveries.key IS NOT NULL AND state IN (0, 2))"
)


async def ended(inbox: Tables, ids: Sequence[int]) -> set[int]:
    """Of the ids of deliveries those that are final, or gone. Raises Unavailable."""
    found: set[int] = set()
    for place in range(0, len(ids), _AT_ONCE):
        some = ids[place : place + _AT_ONCE]
        found |= {row[0] for row in await inbox.rows(_ENDED.format(", ".join(["(?)"] * len(some))), some)}
    return found


async def empty(inbox: Tables, lines: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of lines, (handler, key), those in which no delivery is open: where one is, one waits or runs.

    Raises Unavailable.
    """
    found: set[tuple[str, str]] = set()
    for place in range(0, len(lines), _AT_ONCE):
        some = lines[place : place + _AT_ONCE]
        values = [value for line in some for value in line]
        rows = await inbox.rows(_EMPTY.format(", ".join(["(?, ?)"] * len(some))), values)
        found |= {(handler, key) for handler, key in rows}
    return found
