"""`spapi-router inbox`: what was received, and how it is kept."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson

from receiver.cli.backup import backup, restore
from receiver.cli.chosen import chosen, notification_options
from receiver.cli.export import command as export
from receiver.cli.ids import NOTIFICATION
from receiver.cli.kept import (
    PAGE,
    counts,
    database_of,
    database_options,
    delivery_record,
    kept_in,
    mebibytes,
    notification_record,
    show_facts,
    with_inbox,
)
from receiver.cli.output import json_line, listing, table
from receiver.cli.prune import command as prune
from receiver.cli.reroute import command as reroute
from receiver.cli.rotate import command as rotate
from receiver.cli.vacuum import command as vacuum
from receiver.errors import RouterError
from receiver.inbox import DeliveryFilter, DeliveryRow, NotificationFilter, NotificationRow, SqliteInbox, Stats
from receiver.inbox.listing import State
from receiver.inbox.phrases import Reveal
from receiver.inbox.search import Search, Searcher
from receiver.notification import read_stored
from receiver.privacy.opening import reveal_of

_COLUMNS = ["id", "received_at", "type", "seller_id", "marketplace_id", "notification_id", "repeats", "deliveries"]


@click.group("inbox")
def command() -> None:
    """List, show, export and back up what was received. The daemon may run meanwhile."""


for each in (backup, export, prune, reroute, restore, rotate, vacuum):
    command.add_command(each)


@command.command("list")
@click.option("--search", metavar="TEXT", help="Of an order, ASIN, SKU or other identifier; else with any text in it.")
@notification_options
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="No more than so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@database_options
def list_notifications(
    search: str | None, limit: int, as_json: bool, config: Path | None, database: Path | None, **options: Any
) -> None:
    """List notifications, newest first."""
    which = chosen(limit, **options)
    path, way = kept_in(config, database)
    if search is None:
        rows = with_inbox(path, SqliteInbox.read, lambda inbox: _pages(inbox, which))
    else:
        wanted = Search(search, which)
        rows = with_inbox(path, way, lambda inbox: _search(inbox, wanted, reveal_of(inbox)), "searching")
    records = (notification_record(row) for row in rows)
    if not as_json:
        records = (record | {"deliveries": counts(record["deliveries"]) or "unrouted"} for record in records)
    every = search is None and which == NotificationFilter(limit=limit)
    listing(records, _COLUMNS, as_json, f"{path} holds no notification" if every else "no notification is like that")


@command.command("show")
@click.argument("id_", metavar="ID", type=NOTIFICATION)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the message as received.")
@database_options
def show_notification(id_: int, as_json: bool, config: Path | None, database: Path | None) -> None:
    """Show notification ID: what rules see of it, and its deliveries."""
    row, deliveries = with_inbox(*kept_in(config, database), lambda inbox: _find(inbox, id_))
    if as_json:
        received = row.body.decode("utf-8", "replace")
        json_line(
            notification_record(row) | {"body": received, "deliveries": [delivery_record(each) for each in deliveries]}
        )
        return
    click.echo(f"notification {row.id}")
    show_facts({name: value for name, value in notification_record(row).items() if name != "id"})
    if deliveries:
        click.echo()
        columns = ["id", "rule", "handler", "key", "state", "attempts", "reason"]
        table(columns, ([delivery_record(each)[name] for name in columns] for each in deliveries))
    click.echo()
    for line in _document(row):
        click.echo(line)


@command.command("stats")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@database_options
def stats(as_json: bool, config: Path | None, database: Path | None) -> None:
    """Count what is kept, by handler and state."""
    found = with_inbox(database_of(config, database), SqliteInbox.read, lambda inbox: inbox.stats())
    if as_json:
        json_line(_stats_record(found, time.time()))
        return
    click.echo(f"{found.notifications:,} notifications in {mebibytes(found.database_bytes)}")
    if found.unrouted:
        unrouted = {type_ or "(no type)": count for type_, count in found.unrouted.items()}
        click.echo(f"unrouted: {counts(unrouted)}")
    rows = list(_stats_rows(found, time.time()))
    if rows:
        click.echo()
        table(["handler", *State, "oldest open"], rows)


async def _pages(inbox: SqliteInbox, which: NotificationFilter) -> list[NotificationRow]:
    """The listing, read in pages; bodies are let go of at once."""
    rows: list[NotificationRow] = []
    most = which.limit or PAGE
    while len(rows) < most:
        last = rows[-1].id if rows else None
        page = await inbox.notifications(replace(which, before_id=last, limit=min(PAGE, most - len(rows))))
        rows += [replace(row, body=b"") for row in page]
        if not page:
            break
    return rows


async def _search(inbox: SqliteInbox, wanted: Search, reveal: Reveal) -> list[NotificationRow]:
    """What a search finds, up to its filter's limit, however long it takes."""
    searcher = Searcher(inbox, reveal)
    rows: list[NotificationRow] = []
    most = wanted.which.limit or PAGE
    while len(rows) < most:
        found = await searcher.find(wanted)
        rows += [replace(row, body=b"") for row in found.rows]
        if found.next_id is None:
            break
        wanted = Search(wanted.text, replace(wanted.which, before_id=found.next_id), found.whole)
    return rows[:most]


async def _find(inbox: SqliteInbox, id_: int) -> tuple[NotificationRow, list[DeliveryRow]]:
    row = await inbox.notification(id_)
    if row is None:
        raise RouterError(f"the inbox has no notification {id_}: see `spapi-router inbox list`")
    deliveries = await inbox.deliveries(DeliveryFilter(notification_id=id_, limit=None))
    return row, deliveries[::-1]


def _document(row: NotificationRow) -> list[str]:
    """The document that rules see, as indented JSON; the message as it is where that cannot be read, or written."""
    try:
        return _indented(read_stored(row.body, row.part).document)
    except (ValueError, LookupError, TypeError, AttributeError):
        return _indented(row.body.decode("utf-8", "replace"))


def _indented(value: Any) -> list[str]:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2, default=dict).decode().splitlines()


def _stats_record(found: Stats, now: float) -> dict[str, Any]:
    deliveries: dict[str, dict[str, int]] = {}
    for (handler, state), count in sorted(found.deliveries.items()):
        if count:
            deliveries.setdefault(handler, {})[str(state)] = count
    return {
        "notifications": found.notifications,
        "unrouted": dict(found.unrouted),
        "deliveries": deliveries,
        "oldest_open_seconds": {name: round(now - at, 3) for name, at in sorted(found.oldest_due.items())},
        "database_bytes": found.database_bytes,
    }


def _stats_rows(found: Stats, now: float) -> Iterator[list[Any]]:
    for handler in sorted({name for (name, _), count in found.deliveries.items() if count}):
        oldest = found.oldest_due.get(handler)
        numbers = [found.deliveries.get((handler, state), 0) for state in State]
        yield [handler, *numbers, None if oldest is None else _age(now - oldest)]


def _age(seconds: float) -> str:
    """A duration in its largest unit, as the rules file writes durations."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:,.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"
