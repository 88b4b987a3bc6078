"""`spapi-router inbox prune`: delete old notifications sooner than the daemon does."""

import sys
import time
from pathlib import Path

import click

from receiver import times
from receiver.cli.kept import PAGE, database_of, database_options, with_inbox
from receiver.cli.options import find_config
from receiver.cli.output import json_line
from receiver.cli.times import TIME
from receiver.config import load
from receiver.inbox import SqliteInbox
from receiver.inbox.pruning import prunable
from receiver.privacy.wiping import empty_log


@click.command("prune", short_help="Delete old notifications whose deliveries have all ended.")
@click.option("--before", type=TIME, metavar="TIME", help="Received before.  [default: what inbox.retention says]")
@click.option("--yes", is_flag=True, help="Do not ask, also on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@database_options
def command(before: float | None, yes: bool, as_json: bool, config: Path | None, database: Path | None) -> None:
    """Delete old notifications whose deliveries have all ended. Their repeats are still known and run nothing.

    The daemon does this by itself; here it can be done sooner, or for less. On a terminal it is asked first; a script
    is not asked, with --yes or without.
    """
    if before is None and database is not None:
        raise click.UsageError("with --database name the time too: --before 30d")
    if before is None:
        before = time.time() - load(find_config(config)).inbox.retention
    path, moment = database_of(config, database), before
    if not yes and sys.stdin.isatty():
        _ask(path, moment)
    deleted = with_inbox(path, SqliteInbox.attach, lambda inbox: _prune(inbox, moment), "deleting old notifications")
    if deleted:
        empty_log(path)
    if as_json:
        json_line({"before": times.iso(moment), "deleted": deleted})
    else:
        click.echo(f"{deleted:,} notifications deleted")


def _ask(path: Path, before: float) -> None:
    """Have a person agree to what would be deleted; nothing is asked where nothing would be. Raises Abort."""
    count = with_inbox(path, SqliteInbox.read, lambda inbox: prunable(inbox.rows, before), "counting")
    if count:
        what = f"{count:,} notification{'' if count == 1 else 's'} received before {times.iso(before)}"
        click.confirm(f"Delete {what}, with deliveries and attempts?", abort=True, err=True)


async def _prune(inbox: SqliteInbox, before: float) -> int:
    total = 0
    while deleted := await inbox.prune(before, PAGE):
        total += deleted
    return total
