"""`spapi-router accounts`: the seller accounts that are called for, and what happened to their tokens."""

import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from handlers import registry
from receiver.account_records import configured, listed
from receiver.cli.kept import with_inbox
from receiver.cli.options import config_option
from receiver.cli.output import iso, listing
from receiver.config import Configuration, SpapiSettings, load
from receiver.errors import RouterError
from receiver.inbox import SqliteInbox
from receiver.inbox.tokens import InboxTokens
from receiver.spapi import required

R = TypeVar("R")

_COLUMNS = ["account", "marketplaces", "source", "authorized_at", "refreshed_at"]
_AUDIT = ["at", "who", "account", "action", "detail"]
_BEGINS = "Atzr|"
_REVOKE = "the seller ends Amazon's side in Seller Central, under Manage Your Apps"


@click.group("accounts")
def command() -> None:
    """List, add and remove seller accounts. The daemon may run meanwhile, and takes changes up within 30 seconds."""


@command.command("list", short_help="List the accounts, never their tokens.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@config_option
def list_accounts(config: Path, as_json: bool) -> None:
    """List the accounts of the rules file and of the inbox, never their tokens."""
    loaded, settings = _read(config)
    if _is_there(loaded.inbox.database):
        records = _with_tokens(loaded, SqliteInbox.read, lambda tokens: listed(settings, tokens))
    else:
        records = [configured(account) for account in settings.accounts]
    if not as_json:
        records = [record | {"marketplaces": _countries(record["marketplaces"])} for record in records]
    listing(records, _COLUMNS, as_json, "there is no account: `spapi-router authorize` makes the URL that adds one")


@command.command("add", short_help="Add SELLER, or give it another refresh token.")
@click.argument("seller")
@click.option("--region", type=click.Choice(["na", "eu", "fe"]), help="The region.  [default: the marketplaces' one]")
@click.option("--marketplace", "names", multiple=True, metavar="COUNTRY|ID", help="Only these; repeatable.")
@config_option
def add(seller: str, region: str | None, names: Sequence[str], config: Path) -> None:
    """Add SELLER, or give it another refresh token: asked for, or the first line of standard input.

    For an account that Developer Central gave a token for. It is sealed with `spapi.key` and kept in the inbox.
    """
    loaded, settings = _read(config)
    account = _account(seller, region, names)
    if account.id in {f"{each.seller_id}@{each.region}" for each in settings.accounts}:
        raise RouterError(f"{account.id} stands in {config}, which wins: change or remove it there")
    vault = _vault(settings, config)

    async def work(tokens: InboxTokens) -> None:
        token = _token()
        if not token.startswith(_BEGINS):
            click.echo(f"warning: Amazon's refresh tokens begin with {_BEGINS}, and this one does not", err=True)
        await _accounts(tokens, vault, "accounts add").add(account, token)

    _with_tokens(loaded, SqliteInbox.attach, work)
    click.echo(f"{account.id} is kept, sealed with key {vault.key_id}")


@command.command("remove", short_help="Remove ACCOUNT with its token from the inbox.")
@click.argument("account")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def remove(account: str, yes: bool, config: Path) -> None:
    """Remove ACCOUNT, a seller id or SELLER@REGION, with its token from the inbox."""
    loaded, settings = _read(config)

    async def work(tokens: InboxTokens) -> str:
        found = _chosen([record.account_id for record in await tokens.list()], account, settings, config)
        if not yes:
            click.confirm(f"Remove {found}? The daemon will not call for it any more", abort=True, err=True)
        seller_id, _, region = found.rpartition("@")
        stored = registry.spapi().Account(seller_id, region)
        if not await _accounts(tokens, None, "accounts remove").remove(stored):
            raise RouterError(f"{found} has been removed meanwhile")
        return found

    click.echo(f"{_with_tokens(loaded, SqliteInbox.attach, work)} is removed; {_REVOKE}")


@command.command("rotate", short_help="Seal every token in the inbox with `spapi.key`.")
@config_option
def rotate(config: Path) -> None:
    """Seal every token in the inbox with `spapi.key`, where it was sealed with one of `spapi.previous_keys`.

    Safe to interrupt and to run again. Let the daemon know the new key before: reload it with both.
    """
    loaded, settings = _read(config)
    vault = _vault(settings, config)

    async def work(tokens: InboxTokens) -> tuple[int, int]:
        return await _accounts(tokens, vault, "accounts rotate").rotate(), len(await tokens.list())

    count, total = _with_tokens(loaded, SqliteInbox.attach, work)
    click.echo(f"{count} of {total} tokens sealed anew; all are sealed with key {vault.key_id}")
    if settings.previous_keys:
        click.echo(f"spapi.previous_keys can leave {config} now", err=True)


@command.command("audit")
@click.option("--account", metavar="SELLER@REGION", default="", help="Of one account.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="No more than so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@config_option
def audit(account: str, limit: int, as_json: bool, config: Path) -> None:
    """Show who read, refreshed and changed tokens, newest first. Reads and refreshes are kept for 90 days."""
    loaded, _ = _read(config)
    entries = _with_tokens(loaded, SqliteInbox.read, lambda tokens: tokens.entries(account, limit))
    records = (
        {"at": iso(each.at), "who": each.who, "account": each.account_id, "action": str(each.action)}
        | {"detail": each.detail}
        for each in entries
    )
    listing(records, _AUDIT, as_json, "nothing has happened to a token")


def _read(config: Path) -> tuple[Configuration, SpapiSettings]:
    loaded = load(config)
    return loaded, required(loaded.spapi, config)


def _is_there(database: Path) -> bool:
    """Whether there is an inbox; where that cannot be told, opening it says why."""
    try:
        return database.exists()
    except OSError:
        return True


def _with_tokens(
    loaded: Configuration,
    way: Callable[[Path], Awaitable[SqliteInbox]],
    work: Callable[[InboxTokens], Awaitable[R]],
) -> R:
    return with_inbox(loaded.inbox.database, way, lambda inbox: work(InboxTokens(inbox)))


def _vault(settings: SpapiSettings, config: Path) -> Any:
    if settings.key is None:
        raise RouterError(
            f"{config} names no `key` under [spapi], with which tokens are sealed: make one with "
            "`openssl rand -base64 32`, and restart the daemon"
        )
    return registry.spapi().Vault.open_keys(settings.key, settings.previous_keys)


def _accounts(tokens: InboxTokens, vault: Any, doing: str) -> Any:
    return registry.spapi().Accounts(tokens, vault, clock=time.time, who=f"{doing}, uid {os.getuid()}")


def _countries(ids: Sequence[str]) -> str:
    known = registry.spapi().MARKETPLACES
    return ", ".join(known[id_].country if id_ in known else id_ for id_ in ids) or "all of the region"


def _account(seller: str, region: str | None, names: Sequence[str]) -> Any:
    spapi = registry.spapi()
    if not seller.isalnum() or not seller.isascii() or seller != seller.upper():
        raise click.UsageError(f"{seller!r} is not a seller id: it has capital letters and digits, like A3TH9S8BH6GOGM")
    found = [spapi.marketplace(name) for name in names]
    if region is None and not found:
        raise click.UsageError("name the region, with --region or --marketplace")
    place = region or found[0].region
    spapi.check_region(place, [each.id for each in found])
    return spapi.Account(seller, place, tuple(each.id for each in found))


def _token() -> str:
    """The refresh token: never an argument, which every user of the machine can see."""
    if sys.stdin.isatty():
        prompted: str = click.prompt("Refresh token", hide_input=True, err=True)
        return prompted.strip()
    return sys.stdin.readline().strip()


def _chosen(stored: Sequence[str], name: str, settings: SpapiSettings, config: Path) -> str:
    """The one stored account of a name. Raises RouterError."""
    found = [id_ for id_ in stored if name in {id_, id_.rpartition("@")[0]}]
    if len(found) == 1:
        return found[0]
    if found:
        raise RouterError(f"{name} is in the inbox for several regions: name one of {', '.join(found)}")
    if name in {text for each in settings.accounts for text in (each.seller_id, f"{each.seller_id}@{each.region}")}:
        raise RouterError(f"{name} stands in {config}: remove it there, and reload the daemon")
    raise RouterError(f"there is no account {name} in the inbox: `spapi-router accounts list` shows which there are")
