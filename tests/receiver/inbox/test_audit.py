"""The audit log of what people did."""

from pathlib import Path

from receiver.inbox import SqliteInbox
from receiver.inbox.audit import KEPT, Action, Audit


async def test_entries_come_newest_first_by_page_and_by_action(tmp_path: Path) -> None:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    audit = Audit(inbox)
    for number in range(5):
        name = "replay" if number % 2 else "cancel"
        await audit.add(Action(1000.0 + number, "unix:root", name, f"{number} deliveries", (number, 10**17)))
    first = await audit.entries(limit=3)
    assert [entry.at for entry in first] == [1004.0, 1003.0, 1002.0]
    assert first[0].ids == (4, 10**17)
    rest = await audit.entries(before_id=first[-1].id, limit=3)
    assert [entry.at for entry in rest] == [1001.0, 1000.0]
    assert [entry.detail for entry in await audit.entries(action="replay", limit=9)] == ["3 deliveries", "1 deliveries"]
    await inbox.close()


async def test_entries_outlive_a_restart_and_go_after_two_years(tmp_path: Path) -> None:
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    await Audit(inbox).add(Action(1000.0, "a", "login"))
    await Audit(inbox).add(Action(2000.0, "b", "login"))
    await inbox.close()
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    audit = Audit(inbox)
    assert [entry.who for entry in await audit.entries(limit=9)] == ["b", "a"]
    await audit.add(Action(1500.0 + KEPT, "c", "logout"))
    assert [entry.who for entry in await audit.entries(limit=9)] == ["c", "b"]
    await inbox.close()
