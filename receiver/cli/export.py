"""`spapi-router inbox export`: notifications with all that became of them, as JSON lines."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson

from receiver.cli.chosen import chosen, notification_options
from receiver.cli.export_file import opened
from receiver.cli.ids import AFTER
from receiver.cli.kept import (
    attempt_record,
    database_options,
    delivery_record,
    kept_in,
    notification_record,
    with_inbox,
)
from receiver.inbox import AttemptRow, DeliveryRow, NotificationFilter, SqliteInbox
from receiver.inbox.export import Exported, exported


@click.command("export", short_help="Write notifications, deliveries and attempts as JSON lines.")
@notification_options
@click.option("--after", type=AFTER, default=0, metavar="ID", help="Those with higher ids alone.")
@click.option("--limit", type=click.IntRange(min=1), help="No more than so many.  [default: all]")
@click.option("--without-body", is_flag=True, help="Leave out what was received, handed on and answered.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write there, for this user alone.")
@click.option("--resume", is_flag=True, help="Go on behind the last notification that FILE holds whole.")
@click.option("--force", is_flag=True, help="Write over FILE.")
@database_options
def command(
    after: int,
    limit: int | None,
    without_body: bool,
    output: Path | None,
    resume: bool,
    force: bool,
    config: Path | None,
    database: Path | None,
    **options: Any,
) -> None:
    """Write notifications with their deliveries and attempts as JSON lines, oldest first.

    The daemon may run meanwhile. With --resume an export that broke off goes on, and so does yesterday's.
    """
    if (resume or force) and output is None:
        raise click.UsageError("--resume and --force go with --output FILE")
    if resume and force:
        raise click.UsageError("--resume goes on with FILE, --force begins it anew: choose one")
    which, (path, way) = chosen(limit, **options), kept_in(config, database)
    with _stream(output, resume, force) as (stream, known):

        async def write(inbox: SqliteInbox) -> tuple[int, int]:
            return await _write(inbox, which, max(after, known), stream, not without_body)

        count, last = with_inbox(path, way, write, "exporting")
    if output is not None:
        click.echo(f"{output}: {count:,} notifications written, the last is {last}")


@contextmanager
def _stream(output: Path | None, resume: bool, force: bool) -> Iterator[tuple[BinaryIO, int]]:
    if output is not None:
        with opened(output, resume=resume, force=force) as pair:
            yield pair
        return
    stream = sys.stdout.buffer
    yield stream, 0
    stream.flush()


async def _write(
    inbox: SqliteInbox, which: NotificationFilter, after: int, stream: BinaryIO, bodies: bool
) -> tuple[int, int]:
    """How many were written, and the id of the last."""
    count = 0
    async for found in exported(inbox, which, after):
        stream.write(orjson.dumps(_record(found, bodies), option=orjson.OPT_APPEND_NEWLINE))
        count, after = count + 1, found.notification.id
    return count, after


def _record(found: Exported, bodies: bool) -> dict[str, Any]:
    record = notification_record(found.notification)
    if bodies:
        record["body"] = _text(found.notification.body)
    return record | {"deliveries": [_delivery(row, attempts, bodies) for row, attempts in found.deliveries]}


def _delivery(row: DeliveryRow, attempts: tuple[AttemptRow, ...], bodies: bool) -> dict[str, Any]:
    history = [attempt_record(attempt) for attempt in attempts]
    if bodies:
        return delivery_record(row) | {"body": _text(row.body), "history": history}
    for record in history:
        del record["response"]
    return delivery_record(row) | {"history": history}


def _text(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "replace")
