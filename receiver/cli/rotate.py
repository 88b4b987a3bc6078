"""`spapi-router inbox rotate`: bring what is kept to what `[privacy]` says now."""

from pathlib import Path

import click

from receiver.cli.kept import with_inbox
from receiver.cli.options import config_option
from receiver.config import load
from receiver.errors import RouterError
from receiver.inbox import SqliteInbox
from receiver.inbox.lock import OwnerLock
from receiver.privacy import Protection
from receiver.privacy.opening import needed_keys, save_needed
from receiver.privacy.rotation import Rotated, Rotation
from receiver.privacy.wiping import empty_log


@click.command("rotate", short_help="Keep everything as [privacy] says now.")
@click.option("--decrypt", is_flag=True, help="Keep all of it unencrypted instead.")
@click.option("--lost", is_flag=True, help="Give up what does not open: its key is asked for no more.")
@config_option
def command(decrypt: bool, lost: bool, config: Path) -> None:
    """Keep everything as [privacy] says now: sealed with `key`, fields under `drop` and `mask` gone.

    Safe to interrupt and to run again, also beside the daemon; let that know the new key before: reload it with both.
    """
    loaded = load(config)
    if loaded.privacy is None:
        raise RouterError(f"{config} has no [privacy]: nothing says how the inbox is to be kept")
    protection = loaded.privacy.protection()
    into = Protection(protection.redaction, None) if decrypt else protection
    if decrypt and OwnerLock(loaded.inbox.database).owner() is not None:
        raise RouterError("the daemon runs and encrypts what comes: stop it, run this, and take `encrypt` out")
    done = with_inbox(
        loaded.inbox.database, SqliteInbox.attach, lambda inbox: _rotate(inbox, protection, into, lost), "rotating"
    )
    click.echo(f"{done.changed:,} values in {done.looked:,} rows are kept anew; {_state(into)}")
    for example in done.examples:
        click.echo(f"{done.unopened:,} values do not open: {example}", err=True)
    if not empty_log(loaded.inbox.database):
        click.echo("the log could not be emptied now: the daemon does it within ten minutes", err=True)
    if done.changed:
        click.echo("remains of what stood there before go with `spapi-router inbox vacuum`", err=True)
    if done.unopened and not lost:
        raise RouterError("name the keys that are missing under previous_keys, or give those values up with --lost")


async def _rotate(inbox: SqliteInbox, protection: Protection, into: Protection, lost: bool) -> Rotated:
    done = await Rotation(inbox, protection, into).run()
    if lost or not done.unopened:
        await save_needed(inbox, frozenset({into.seal.key} if into.seal else ()))
    else:
        await save_needed(inbox, await needed_keys(inbox) | ({into.seal.key} if into.seal else set()))
    return done


def _state(into: Protection) -> str:
    return f"all is sealed with key {into.seal.key}" if into.seal else "nothing is encrypted"
