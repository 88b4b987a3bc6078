"""What the commands over the inbox share: which database, and how its rows are written out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from receiver.cli.options import find_config
from receiver.cli.output import iso, on_terminal
from receiver.config import Configuration, load
from receiver.config.privacy import PrivacySettings
from receiver.errors import ConfigError
from receiver.escapes import escaped
from receiver.inbox import AttemptRow, DeliveryRow, NotificationRow, SqliteInbox, State
from receiver.privacy import Protection
from receiver.privacy.opening import read_with

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")
Open = Callable[[Path], Awaitable[SqliteInbox]]

PAGE = 500
"""Rows read at a time, so that a listing of any length takes little memory."""


def database_options(command: F) -> F:
    """`--config PATH` and `--database PATH`; the command gets both and hands them to `database_of`."""
    command = click.option(
        "--database",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="PATH",
        help="The inbox's file, where no rules file names it.",
    )(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="The rules file that names the inbox.  [default: ./rules.toml, then /etc/spapi-router/rules.toml]",
    )(command)


def database_of(config: Path | None, database: Path | None) -> Path:
    """The inbox's file. Raises ConfigError."""
    return database if database is not None else load(find_config(config)).inbox.database


def kept_in(config: Path | None, database: Path | None) -> tuple[Path, Open]:
    """The inbox's file, and the way to open it so that what it keeps encrypted can be read. Raises ConfigError."""
    if database is not None:
        return database, reading(None)
    loaded = load(find_config(config))
    return loaded.inbox.database, reading(loaded)


def reading(config: Configuration | None, way: Open = SqliteInbox.read) -> Open:
    """A way to open an inbox that decrypts with the keys of the rules file; where they are not here, that is said."""
    protection = _protection(config.privacy) if config and config.privacy else None

    async def opened(path: Path) -> SqliteInbox:
        return read_with(await way(path), protection)

    return opened


def _protection(privacy: PrivacySettings) -> Protection | None:
    try:
        return privacy.protection()
    except ConfigError as error:
        click.echo(f"what is encrypted cannot be shown: {error}", err=True)
        return None


def with_inbox(path: Path, way: Open, work: Callable[[SqliteInbox], Awaitable[R]], doing: str = "") -> R:
    """Run a work on an opened inbox; on a terminal a spinner says what takes long."""

    async def run() -> R:
        inbox = await way(path)
        try:
            return await work(inbox)
        finally:
            await inbox.close()

    if not doing or not on_terminal():
        return asyncio.run(run())
    from rich.console import Console

    with Console(stderr=True).status(doing):
        return asyncio.run(run())


def notification_record(row: NotificationRow) -> dict[str, Any]:
    """A notification for people and machines, its body aside."""
    return {
        "id": row.id,
        "received_at": iso(row.received_at),
        "event_time": iso(row.event_time),
        "type": row.type,
        "version": row.version,
        "notification_id": row.notification_id,
        "message_id": row.message_id,
        "topic": row.topic,
        "seller_id": row.seller_id,
        "marketplace_id": row.marketplace_id,
        "repeats": row.repeats,
        "part": row.part,
        "deliveries": {str(state): count for state, count in row.deliveries.items()},
    }


def delivery_record(row: DeliveryRow) -> dict[str, Any]:
    """A delivery for people and machines, its body aside. What is not to run any more is not due."""
    return {
        "id": row.id,
        "notification": row.notification_id,
        "parent": row.parent_id,
        "webhook_id": row.webhook_id,
        "type": row.type,
        "rule": row.rule,
        "handler": row.handler,
        "key": row.key,
        "state": str(row.state),
        "attempts": row.attempts,
        "created_at": iso(row.created_at),
        "event_time": iso(row.event_time),
        "due_at": iso(row.due_at) if row.state in {State.WAITING, State.BLOCKED} else None,
        "leased_until": iso(row.leased_until),
        "finished_at": iso(row.finished_at),
        "reason": row.reason,
        "superseded_by": row.superseded_by,
    }


def attempt_record(row: AttemptRow) -> dict[str, Any]:
    """An attempt for people and machines."""
    return {
        "number": row.number,
        "started_at": iso(row.started_at),
        "seconds": round(row.ended_at - row.started_at, 3),
        "outcome": row.outcome,
        "status": row.status,
        "detail": row.detail,
        "request_id": row.request_id,
        "response": row.response.decode("utf-8", "replace"),
    }


def counts(states: Mapping[Any, int]) -> str:
    """`2 done, 1 dead`."""
    return ", ".join(f"{count:,} {state}" for state, count in states.items() if count)


def show_facts(record: Mapping[str, Any]) -> None:
    """Print a record as names and values, one a line, control characters of a sender made harmless."""
    for name, value in record.items():
        if value not in (None, "", {}):
            text = counts(value) if isinstance(value, dict) else str(value)
            click.echo(f"  {name.replace('_', ' '):<16} {escaped(text)}")


def mebibytes(count: int) -> str:
    """`12.3 MiB`."""
    return f"{count / (1 << 20):,.1f} MiB"
