"""Accounts and their tokens: chosen, sealed, replaced, rotated, and every touch on record."""

from collections.abc import Callable

import pytest

from handlers.settings import Secret
from handlers.spapi.accounts import Account, Accounts
from handlers.spapi.errors import AccountError, RegionError, VaultError
from handlers.spapi.tokenstore import Action, AuditEntry, MemoryTokenStore, TokenRecord
from handlers.spapi.vault import Vault

OLD, NEW = bytes(32), bytes(range(32))


def make(
    store: MemoryTokenStore, clock: Callable[[], float], vault: Vault | None, configured: tuple[Account, ...] = ()
) -> Accounts:
    return Accounts(store, vault, configured, clock=clock, who="tests")


async def test_the_account_of_a_seller_of_a_marketplace_or_the_only_one(
    store: MemoryTokenStore, clock: Callable[[], float]
) -> None:
    accounts = make(store, clock, Vault(OLD))
    with pytest.raises(AccountError, match="there is no SP-API account: run `spapi-router authorize`"):
        await accounts.choose()
    await accounts.add(Account("A1", "na"), "t1")
    assert (await accounts.choose()).id == "A1@na"
    await accounts.add(Account("A1", "eu", ("A1PA6795UKMFR9",)), "t2")
    assert (await accounts.choose("A1", ["A1PA6795UKMFR9"])).id == "A1@eu"
    assert (await accounts.choose(None, ["ATVPDKIKX0DER"])).id == "A1@na"
    assert (await accounts.choose("A1@eu")).id == "A1@eu"
    with pytest.raises(AccountError, match=r"several SP-API accounts \(A1@eu, A1@na\)"):
        await accounts.choose("A1")
    with pytest.raises(AccountError, match="no SP-API account of seller A9: run `spapi-router authorize`"):
        await accounts.choose("A9")


async def test_an_account_that_another_process_added_is_found(
    store: MemoryTokenStore, clock: Callable[[], float]
) -> None:
    daemon, command_line = make(store, clock, Vault(OLD)), make(store, clock, Vault(OLD))
    await daemon.add(Account("A1", "na"), "t1")
    assert (await daemon.choose("A1")).id == "A1@na"
    await command_line.add(Account("A2", "na"), "t2")
    assert (await daemon.choose("A2")).id == "A2@na"


@pytest.mark.parametrize("name", ["A9", "A9@fe"])
async def test_a_seller_who_is_not_there_costs_no_look_at_all_accounts_and_is_found_once_added(
    store: MemoryTokenStore, clock: Callable[[], float], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts, other, listings = make(store, clock, Vault(OLD)), make(store, clock, Vault(OLD)), []
    await accounts.add(Account("A1", "na"), "t1")
    listed = store.list

    async def noted() -> list[TokenRecord]:
        listings.append(name)
        return await listed()

    monkeypatch.setattr(store, "list", noted)
    for _ in range(100):
        with pytest.raises(AccountError, match=f"no SP-API account of seller {name}: run `spapi-router authorize`"):
            await accounts.choose(name)
    assert len(listings) == 1
    await other.add(Account("A9", "fe"), "t9")
    assert (await accounts.choose(name)).id == "A9@fe"


async def test_tokens_rest_sealed_and_are_read_in_clear(store: MemoryTokenStore, clock: Callable[[], float]) -> None:
    accounts = make(store, clock, Vault(OLD))
    account = Account("A1", "na")
    await accounts.add(account, "Atzr|one")
    record = await store.load("A1@na")
    assert record is not None
    assert "Atzr" not in repr(record)
    assert b"Atzr" not in record.sealed.ciphertext
    assert await accounts.refresh_token(account) == "Atzr|one"


async def test_the_audit_log_tells_who_did_what_when_and_no_token(
    store: MemoryTokenStore, clock: Callable[[], float]
) -> None:
    accounts = make(store, clock, Vault(OLD))
    account = Account("A1", "na")
    await accounts.add(account, "Atzr|one")
    await accounts.refresh_token(account)
    await accounts.refreshed(account)
    await accounts.replace(account, "Atzr|one", "Atzr|two")
    await make(store, clock, Vault(NEW, [OLD])).rotate()
    assert await accounts.remove(account)
    assert [entry.action for entry in store.entries] == [
        Action.ADD,
        Action.READ,
        Action.REFRESH,
        Action.CHANGE,
        Action.ROTATE,
        Action.REMOVE,
    ]
    assert {(entry.who, entry.account_id, entry.at) for entry in store.entries} == {("tests", "A1@na", clock())}
    assert "Atzr" not in repr(store.entries)


async def test_removing_what_is_not_stored(store: MemoryTokenStore, clock: Callable[[], float]) -> None:
    assert not await make(store, clock, Vault(OLD)).remove(Account("A1", "na"))
    assert store.entries == []


async def test_rotation_seals_all_with_the_new_key_and_can_be_run_again(
    store: MemoryTokenStore, clock: Callable[[], float]
) -> None:
    before = make(store, clock, Vault(OLD))
    for number in range(5):
        await before.add(Account(f"A{number}", "na"), f"token-{number}")
    rotating = make(store, clock, Vault(NEW, [OLD]))
    assert await rotating.rotate() == 5
    assert await rotating.rotate() == 0
    after = make(store, clock, Vault(NEW))
    assert [await after.refresh_token(account) for account in await after.every()] == [
        f"token-{number}" for number in range(5)
    ]
    with pytest.raises(VaultError, match="is not here"):
        await before.refresh_token(Account("A1", "na"))


async def test_a_token_moved_to_another_account_does_not_open(
    store: MemoryTokenStore, clock: Callable[[], float]
) -> None:
    accounts = make(store, clock, Vault(OLD))
    await accounts.add(Account("A1", "na"), "token")
    record = await store.load("A1@na")
    assert record is not None
    moved = TokenRecord("A2@na", "A2", "na", (), record.sealed, 0, 0)
    await store.save(moved, AuditEntry(0, "thief", "A2@na", Action.ADD))
    with pytest.raises(VaultError, match="A2@na does not open"):
        await accounts.refresh_token(Account("A2", "na"))


async def test_without_a_key_nothing_is_stored(store: MemoryTokenStore, clock: Callable[[], float]) -> None:
    with pytest.raises(VaultError, match="set `key` under"):
        await make(store, clock, None).add(Account("A1", "na"), "token")
    assert await store.list() == []


async def test_a_changed_token_wins_until_the_configured_one_changes(
    store: MemoryTokenStore, clock: Callable[[], float], secret: Callable[[str], Secret]
) -> None:
    configured = (Account("A1", "na", (), secret("first")),)
    accounts = make(store, clock, Vault(OLD), configured)
    assert await accounts.refresh_token(configured[0]) == "first"
    assert await accounts.replace(configured[0], "first", "second")
    assert await make(store, clock, Vault(OLD), configured).refresh_token(configured[0]) == "second"
    renewed = (Account("A1", "na", (), secret("third")),)
    assert await make(store, clock, Vault(OLD), renewed).refresh_token(renewed[0]) == "third"


async def test_a_changed_token_lasts_in_memory_where_there_is_no_key(
    store: MemoryTokenStore, clock: Callable[[], float], secret: Callable[[str], Secret]
) -> None:
    account = Account("A1", "na", (), secret("first"))
    accounts = make(store, clock, None, (account,))
    assert not await accounts.replace(account, "first", "second")
    assert await accounts.refresh_token(account) == "second"
    assert await store.list() == []


class FullDisk(MemoryTokenStore):
    """Cannot save until the disk has room again."""

    full = True

    async def save(self, record: TokenRecord, entry: AuditEntry) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        await super().save(record, entry)


async def test_a_changed_token_that_could_not_be_saved_is_saved_later(
    clock: Callable[[], float], secret: Callable[[str], Secret]
) -> None:
    store, account = FullDisk(), Account("A1", "na", (), secret("first"))
    accounts = make(store, clock, Vault(OLD), (account,))
    with pytest.raises(OSError, match="No space left"):
        await accounts.replace(account, "first", "second")
    store.full = False
    assert await accounts.refresh_token(account) == "second"
    assert await make(store, clock, Vault(OLD), (account,)).refresh_token(account) == "second"


async def test_an_account_without_a_token(store: MemoryTokenStore, clock: Callable[[], float]) -> None:
    with pytest.raises(AccountError, match="A1@na has no refresh token"):
        await make(store, clock, Vault(OLD)).refresh_token(Account("A1", "na"))


def test_an_account_of_an_unknown_region(store: MemoryTokenStore, clock: Callable[[], float]) -> None:
    with pytest.raises(RegionError, match="no region 'us'"):
        make(store, clock, None, (Account("A1", "us"),))
