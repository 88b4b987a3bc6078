"""The token store in the inbox's database, against the one in memory; the states of consents."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from handlers.spapi.accounts import Account, Accounts
from handlers.spapi.errors import VaultError
from handlers.spapi.tokenstore import Action, AuditEntry, MemoryTokenStore, TokenRecord, TokenStore
from handlers.spapi.vault import Vault
from receiver.inbox import SqliteInbox
from receiver.inbox.consents import Consent, Consents, Verdict
from receiver.inbox.tokens import KEEP_USE, InboxTokens

OLD, NEW = Vault(bytes(32)), Vault(bytes(range(32)), [bytes(32)])
CONSENT = Consent("eu", "", "https://router.example.com/callback", "tests", 600.0)
STATE = b"s" * 32


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[SqliteInbox]:
    opened = await SqliteInbox.open(tmp_path / "inbox.db")
    yield opened
    await opened.close()


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, inbox: SqliteInbox) -> TokenStore:
    return InboxTokens(inbox) if request.param == "sqlite" else MemoryTokenStore()


async def entries(store: TokenStore) -> list[AuditEntry]:
    """Oldest first."""
    if isinstance(store, MemoryTokenStore):
        return store.entries
    assert isinstance(store, InboxTokens)
    return (await store.entries(limit=1000))[::-1]


def record(account_id: str = "A1SELLER@na", token: bytes = b"Atzr|one", at: float = 100.0) -> TokenRecord:
    seller_id, _, region = account_id.partition("@")
    sealed = OLD.seal(token, account_id)
    return TokenRecord(account_id, seller_id, region, ("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"), sealed, at, at + 1)


def entry(action: Action, at: float = 100.0, account_id: str = "A1SELLER@na") -> AuditEntry:
    return AuditEntry(at, "tests", account_id, action, "why")


async def test_records_come_back_as_they_went(store: TokenStore) -> None:
    first, second = record("A2SELLER@eu"), replace(record(), marketplaces=())
    await store.save(first, entry(Action.ADD))
    await store.save(second, entry(Action.ADD))
    assert await store.load("A2SELLER@eu") == first
    assert await store.load("A3SELLER@eu") is None
    assert list(await store.list()) == [second, first]
    changed = record(token=b"Atzr|two", at=200.0)
    await store.save(changed, entry(Action.CHANGE))
    assert list(await store.list()) == [changed, first]
    assert [each.action for each in await entries(store)] == [Action.ADD, Action.ADD, Action.CHANGE]


async def test_what_is_removed_is_gone_once(store: TokenStore) -> None:
    await store.save(record(), entry(Action.ADD))
    assert await store.delete("A1SELLER@na", entry(Action.REMOVE, 300.0))
    assert not await store.delete("A1SELLER@na", entry(Action.REMOVE, 400.0))
    assert await store.list() == []
    assert [(each.action, each.at) for each in await entries(store)] == [(Action.ADD, 100.0), (Action.REMOVE, 300.0)]


async def test_a_record_that_changed_meanwhile_is_not_swapped(store: TokenStore) -> None:
    before, meanwhile = record(), record(token=b"Atzr|two")
    await store.save(before, entry(Action.ADD))
    await store.save(meanwhile, entry(Action.CHANGE))
    assert not await store.swap(before, record(token=b"Atzr|stale"), entry(Action.ROTATE))
    assert await store.load("A1SELLER@na") == meanwhile
    after = record(token=b"Atzr|three")
    assert await store.swap(meanwhile, after, entry(Action.ROTATE))
    assert await store.load("A1SELLER@na") == after
    assert [each.action for each in await entries(store)] == [Action.ADD, Action.CHANGE, Action.ROTATE]


async def test_rotation_seals_every_record_anew_and_opens_what_the_old_key_sealed(store: TokenStore) -> None:
    accounts = [Account(f"A{number}SELLER", "na") for number in range(5)]
    before = Accounts(store, OLD, clock=lambda: 100.0, who="daemon")
    for account in accounts:
        await before.add(account, f"Atzr|{account.seller_id}")
    with pytest.raises(VaultError, match="name the old key beside the new one"):
        await Accounts(store, Vault(bytes(range(32))), clock=lambda: 200.0, who="tests").rotate()
    rotating = Accounts(store, NEW, clock=lambda: 200.0, who="tests")
    assert (await rotating.rotate(), await rotating.rotate()) == (5, 0)
    alone = Accounts(store, Vault(bytes(range(32))), clock=lambda: 300.0, who="tests")
    assert [await alone.refresh_token(account) for account in accounts] == [
        f"Atzr|{account.seller_id}" for account in accounts
    ]
    rotated = [each for each in await entries(store) if each.action is Action.ROTATE]
    assert {each.detail for each in rotated} == {f"from key {OLD.key_id} to {NEW.key_id}"}
    with pytest.raises(VaultError, match=f"sealed with key {NEW.key_id}, which is not here"):
        await before.refresh_token(accounts[0])


async def test_a_record_that_does_not_open_keeps_no_other_from_being_rotated(store: TokenStore) -> None:
    before = Accounts(store, OLD, clock=lambda: 100.0, who="daemon")
    for seller_id in ("A1SELLER", "A3SELLER"):
        await before.add(Account(seller_id, "na"), "Atzr|one")
    lost = Vault(b"l" * 32)
    await Accounts(store, lost, clock=lambda: 100.0, who="daemon").add(Account("A2SELLER", "na"), "Atzr|two")
    with pytest.raises(VaultError, match=f"A2SELLER@na is sealed with key {lost.key_id}"):
        await Accounts(store, NEW, clock=lambda: 200.0, who="tests").rotate()
    assert [each.sealed.key_id for each in await store.list()] == [NEW.key_id, lost.key_id, NEW.key_id]


class Meddled(MemoryTokenStore):
    """Another process saves a new token at the worst moment, once."""

    async def swap(self, before: TokenRecord, record: TokenRecord, entry: AuditEntry) -> bool:
        if len(self.entries) == 1:
            await self.save(replace(before, sealed=OLD.seal(LATER, before.account_id)), entry)
        return await super().swap(before, record, entry)


LATER = b'{"refresh_token":"Atzr|later","replaces":""}'


async def test_rotation_loses_no_token_that_changes_meanwhile() -> None:
    store = Meddled()
    account = Account("A1SELLER", "na")
    await Accounts(store, OLD, clock=lambda: 100.0, who="daemon").add(account, "Atzr|one")
    rotating = Accounts(store, NEW, clock=lambda: 200.0, who="tests")
    assert await rotating.rotate() == 1
    assert await rotating.refresh_token(account) == "Atzr|later"


async def test_what_another_process_writes_is_seen(inbox: SqliteInbox) -> None:
    beside = await SqliteInbox.attach(inbox.path)
    await InboxTokens(beside).save(record(), entry(Action.ADD))
    await beside.close()
    assert await InboxTokens(inbox).load("A1SELLER@na") is not None


async def test_a_record_and_its_entry_are_kept_together_or_not_at_all(inbox: SqliteInbox) -> None:
    store = InboxTokens(inbox)
    with pytest.raises(sqlite3.Error):
        await store.save(record(), replace(entry(Action.ADD), who=None))  # type: ignore[arg-type]
    assert (await store.list(), await store.entries()) == ([], [])


async def test_entries_by_account_newest_first_and_the_last_refresh(inbox: SqliteInbox) -> None:
    store = InboxTokens(inbox)
    for at, action in [(1.0, Action.ADD), (2.0, Action.READ), (3.0, Action.REFRESH), (4.0, Action.READ)]:
        await store.audit(entry(action, at))
    await store.audit(entry(Action.REFRESH, 9.0, "A2SELLER@na"))
    assert [each.at for each in await store.entries("A1SELLER@na", 2)] == [4.0, 3.0]
    assert len(await store.entries()) == 5
    assert (await store.refreshed_at("A1SELLER@na"), await store.refreshed_at("A9@na")) == (3.0, None)


async def test_reads_are_forgotten_after_a_while_and_changes_never(inbox: SqliteInbox) -> None:
    store = InboxTokens(inbox)
    await store.audit(entry(Action.ADD, 1.0))
    for at in range(2, 30):
        await store.audit(entry(Action.READ, float(at)))
    for _ in range(4):
        await store.audit(entry(Action.READ, KEEP_USE + 29.5))
    assert [each.at for each in await store.entries()] == [KEEP_USE + 29.5] * 4 + [1.0]


async def test_a_state_is_good_once_and_for_its_time(inbox: SqliteInbox) -> None:
    consents = Consents(inbox)
    await consents.add(STATE, CONSENT, 0.0)
    assert await consents.look(STATE, 599.9) == (Verdict.GOOD, CONSENT)
    assert await consents.look(STATE, 600.0) == (Verdict.LATE, CONSENT)
    assert await consents.look(b"other", 1.0) == (Verdict.UNKNOWN, None)
    assert [await consents.use(STATE, 5.0), await consents.use(STATE, 6.0), await consents.use(b"other", 6.0)] == [
        True,
        False,
        False,
    ]
    assert (await consents.look(STATE, 7.0))[0] is Verdict.USED
    await consents.give_back(STATE)
    assert (await consents.look(STATE, 7.0))[0] is Verdict.GOOD


async def test_states_are_forgotten_a_week_after_their_end(inbox: SqliteInbox) -> None:
    consents = Consents(inbox)
    await consents.add(STATE, CONSENT, 0.0)
    await consents.add(b"second", replace(CONSENT, ends_at=2e6), 600.0 + 7 * 86400.0 + 1)
    assert (await consents.look(STATE, 1e6))[0] is Verdict.UNKNOWN
    assert (await consents.look(b"second", 1e6))[0] is Verdict.GOOD
