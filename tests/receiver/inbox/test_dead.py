"""Why deliveries are dead: gathered where only numbers and ids differ."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from receiver.inbox import DeliveryFilter, Entry, Result, Route, SqliteInbox, State
from receiver.inbox.dead import Way, causes, ways


async def test_causes_are_gathered_whatever_numbers_they_hold(
    tmp_path: Path, entry: Callable[..., Entry], route: Callable[..., Route], result: Callable[..., Result]
) -> None:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    await inbox.accept([entry(f"n{number}", route("erp")) for number in range(6)])
    claims = await inbox.claim("erp", 10, 2000.0, 60.0)
    reasons = ["order 903-1 is unknown", "order 903-22 is unknown", "no route to host", "", "order 5 is unknown"]
    results: list[Any] = [
        result(claim, State.DEAD, at=2000.0 + number, detail=reason)
        for number, (claim, reason) in enumerate(zip(claims, reasons, strict=False))
    ]
    await inbox.finish([*results, result(claims[5])])
    found = await causes(inbox)
    assert [(cause.count, cause.handler) for cause in found] == [(3, "erp"), (1, "erp"), (1, "erp")]
    assert (found[0].reason, found[0].last, found[0].latest) == ("order 5 is unknown", 2004.0, claims[4].id)
    assert len(await causes(inbox, limit=2)) == 2
    await inbox.close()


async def test_ways_are_counted_within_a_filter(
    tmp_path: Path, entry: Callable[..., Entry], route: Callable[..., Route]
) -> None:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    await inbox.accept([entry(f"n{number}", route("erp"), type_="A" if number else "B") for number in range(4)])
    await inbox.accept([entry("m", route("log"))])
    every = DeliveryFilter(limit=None)
    assert await ways(inbox, every, 1) == [Way("orders", "erp", "A", 3)]
    assert sum(way.count for way in await ways(inbox, every, 9)) == 5
    assert await ways(inbox, DeliveryFilter(type="B"), 9) == [Way("orders", "erp", "B", 1)]
    assert await ways(inbox, DeliveryFilter(states=(State.DEAD,)), 9) == []
    await inbox.close()
