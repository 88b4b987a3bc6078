"""`spapi-router deliveries`: what became of notifications, and how to repair it."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from receiver.cli.ids import DELIVERY
from receiver.cli.kept import (
    PAGE,
    attempt_record,
    counts,
    database_of,
    database_options,
    delivery_record,
    kept_in,
    show_facts,
    with_inbox,
)
from receiver.cli.output import json_line, listing, table
from receiver.cli.times import TIME
from receiver.cli.written import RATE
from receiver.errors import RouterError
from receiver.escapes import escaped
from receiver.inbox import AttemptRow, DeliveryFilter, DeliveryRow, SqliteInbox, State
from receiver.notification import asked_type

F = TypeVar("F", bound=Callable[..., Any])

_COLUMNS = ["id", "notification", "type", "rule", "handler", "key", "state", "attempts", "created_at", "reason"]
_STATES = [state.value for state in State]
_OPEN = (State.WAITING, State.BLOCKED, State.RUNNING)
_FINAL = (State.DONE, State.DEAD, State.SUPERSEDED)
_MOST_NAMED = 10


@click.group("deliveries")
def command() -> None:
    """List, show, replay and cancel deliveries. The daemon may run meanwhile, and takes changes up at once."""


def _filters(command: F) -> F:
    """The options that choose deliveries."""
    options = (
        click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="In a state; repeatable."),
        click.option("--rule", metavar="NAME", help="Made by one rule."),
        click.option("--handler", metavar="NAME", help="To one handler."),
        click.option("--type", "type_", metavar="TYPE", help="Of one notification type, like ORDER_CHANGE."),
        click.option("--key", metavar="KEY", help="Of one ordering key."),
        click.option("--since", type=TIME, metavar="TIME", help="Made at or after: a time, or an age like 2h or 7d."),
        click.option("--until", type=TIME, metavar="TIME", help="Made before."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@command.command("list")
@_filters
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="No more than so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@database_options
def list_deliveries(limit: int, as_json: bool, config: Path | None, database: Path | None, **chosen: Any) -> None:
    """List deliveries, newest first."""
    which = replace(_which((), **chosen), limit=limit)
    path, way = kept_in(config, database)
    rows = with_inbox(path, way, lambda inbox: _pages(inbox, which))
    every = which == DeliveryFilter(limit=limit)
    none = f"{path} holds no delivery" if every else "no delivery is like that"
    listing((delivery_record(row) for row in rows), _COLUMNS, as_json, none)


@command.command("show")
@click.argument("id_", metavar="ID", type=DELIVERY)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@database_options
def show_delivery(id_: int, as_json: bool, config: Path | None, database: Path | None) -> None:
    """Show delivery ID: its attempts, and the chain it belongs to."""
    row, attempts, chain = with_inbox(*kept_in(config, database), lambda inbox: _find(inbox, id_))
    records = [attempt_record(attempt) for attempt in attempts]
    if as_json:
        json_line(delivery_record(row) | {"history": records, "chain": _nested(chain, _root(chain, row))})
        return
    click.echo(f"delivery {row.id}")
    show_facts({name: value for name, value in delivery_record(row).items() if name != "id"})
    if records:
        click.echo()
        columns = ["number", "started_at", "seconds", "outcome", "status", "detail", "request_id"]
        table(columns, ([record[name] for name in columns] for record in records))
    if records and records[-1]["response"]:
        click.echo(f"\nlast answer: {escaped(records[-1]['response'])}")
    if len(chain) > 1:
        click.echo()
        for line in _tree(chain, _root(chain, row), row.id):
            click.echo(line)


@command.command("replay", short_help="Run finished deliveries again, with fresh attempts.")
@click.argument("ids", metavar="[ID]...", type=DELIVERY, nargs=-1)
@_filters
@click.option("--rate", type=RATE, metavar="RATE", help="How fast they fall due, like 20/s.  [default: all at once]")
@click.option("--yes", is_flag=True, help="Do it. Without it: say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: how many were chosen, and done.")
@database_options
def replay(
    ids: tuple[int, ...],
    rate: float | None,
    yes: bool,
    as_json: bool,
    config: Path | None,
    database: Path | None,
    **chosen: Any,
) -> None:
    """Run finished deliveries again, with fresh attempts: those named by ID, or all that the options choose.

    Without an ID or --state: the dead ones. Receivers see the webhook ids they saw before.
    """
    which = _which(ids, **chosen)
    which = replace(which, states=_within(which.states, _FINAL, (State.DEAD,), ids))
    spacing = 1.0 / rate if rate else 0.0

    async def work(inbox: SqliteInbox) -> int:
        return await inbox.replay(which, time.time(), spacing)

    _repair(database_of(config, database), which, work if yes else None, ("replay", "replayed"), as_json)


@command.command("cancel", short_help="End deliveries that are not finished, as dead.")
@click.argument("ids", metavar="[ID]...", type=DELIVERY, nargs=-1)
@_filters
@click.option("--reason", default="cancelled by hand", show_default=True, help="What is kept with them.")
@click.option("--yes", is_flag=True, help="Do it. Without it: say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: how many were chosen, and done.")
@database_options
def cancel(
    ids: tuple[int, ...],
    reason: str,
    yes: bool,
    as_json: bool,
    config: Path | None,
    database: Path | None,
    **chosen: Any,
) -> None:
    """End deliveries that are not finished, as dead: those named by ID, or all that the options choose.

    One that is running is not called back, but what it answers is not taken.
    """
    which = _which(ids, **chosen)
    which = replace(which, states=_within(which.states, _OPEN, _OPEN, ids))

    async def work(inbox: SqliteInbox) -> int:
        return await inbox.cancel(which, time.time(), reason)

    _repair(database_of(config, database), which, work if yes else None, ("cancel", "cancelled"), as_json)


def _which(ids: tuple[int, ...], **chosen: Any) -> DeliveryFilter:
    type_ = chosen.pop("type_")
    states = tuple(State(state) for state in chosen.pop("states")) or None
    return DeliveryFilter(
        ids=ids or None, states=states, type=asked_type(type_) if type_ else None, limit=None, **chosen
    )


def _within(
    states: tuple[State, ...] | None, possible: tuple[State, ...], default: tuple[State, ...], ids: tuple[int, ...]
) -> tuple[State, ...]:
    """The states to work on. Raises UsageError for one that the work is not for."""
    if states is None:
        return possible if ids else default
    if wrong := [state for state in states if state not in possible]:
        raise click.UsageError(f"--state {wrong[0]} is not one of these: {', '.join(possible)}")
    return states


def _repair(path: Path, which: DeliveryFilter, work: Any, words: tuple[str, str], as_json: bool) -> None:
    """Count what is meant, then do it where there is a work to do. Exits 1 where a named delivery is not meant."""
    verb, done = words
    found, unfit = with_inbox(path, SqliteInbox.read, lambda inbox: _meant(inbox, which))
    total = sum(found.values())
    if unfit:
        named = ", ".join(unfit[:_MOST_NAMED]) + (" and others" if len(unfit) > _MOST_NAMED else "")
        click.echo(f"{len(unfit)} of the named deliveries cannot be {done}: {named}", err=True)
    count = with_inbox(path, SqliteInbox.attach, work, f"{verb}: {_amount(total)}") if work and total else 0
    if as_json:
        json_line({"chosen": {str(state): number for state, number in found.items() if number}, done: count})
    elif work is None:
        detail = f" ({counts(found)})" if found else ""
        click.echo(f"{_amount(total)} would be {done}{detail}" + ("; add --yes to do it" if total else ""))
    else:
        click.echo(f"{_amount(count)} {done}" if total else f"there is nothing to {verb}")
    if unfit:
        raise SystemExit(1)


async def _meant(inbox: SqliteInbox, which: DeliveryFilter) -> tuple[Mapping[State, int], list[str]]:
    """How many deliveries are meant, by state; and which of the named ones are not, with why."""
    found = await inbox.count(which)
    ids = set(which.ids or ())
    if sum(found.values()) == len(ids) or not ids:
        return found, []
    meant = {row.id for row in await inbox.deliveries(replace(which, limit=None))}
    others = {row.id: row for row in await inbox.deliveries(DeliveryFilter(ids=tuple(ids - meant), limit=None))}
    return found, [f"{id_} {_why(others.get(id_), which)}" for id_ in sorted(ids - meant)]


def _why(row: DeliveryRow | None, which: DeliveryFilter) -> str:
    """Why a named delivery is not among those that are meant."""
    if row is None:
        return "is not in the inbox"
    return f"is {row.state}" if row.state not in (which.states or ()) else "is none that the options choose"


def _amount(count: int) -> str:
    return f"{count:,} {'delivery' if count == 1 else 'deliveries'}"


async def _pages(inbox: SqliteInbox, which: DeliveryFilter) -> list[DeliveryRow]:
    rows: list[DeliveryRow] = []
    most = which.limit or PAGE
    while len(rows) < most:
        last = rows[-1].id if rows else None
        page = await inbox.deliveries(replace(which, before_id=last, limit=min(PAGE, most - len(rows))))
        rows += [replace(row, body=None) for row in page]
        if not page:
            break
    return rows


async def _find(inbox: SqliteInbox, id_: int) -> tuple[DeliveryRow, list[AttemptRow], dict[int, DeliveryRow]]:
    """A delivery, its attempts, and all deliveries of its notification."""
    row = await inbox.delivery(id_)
    if row is None:
        raise RouterError(f"the inbox has no delivery {id_}: see `spapi-router deliveries list`")
    relatives = await inbox.deliveries(DeliveryFilter(notification_id=row.notification_id, limit=None))
    chain = {each.id: each for each in reversed(relatives)}
    root = _root(chain, row)
    return row, await inbox.attempts(id_), {each.id: each for each in chain.values() if _root(chain, each) == root}


def _root(chain: dict[int, DeliveryRow], row: DeliveryRow) -> DeliveryRow:
    """The delivery that a chain began with."""
    while row.parent_id in chain:
        row = chain[row.parent_id]
    return row


def _children(chain: dict[int, DeliveryRow], row: DeliveryRow) -> list[DeliveryRow]:
    return [each for each in chain.values() if each.parent_id == row.id]


def _nested(chain: dict[int, DeliveryRow], row: DeliveryRow) -> dict[str, Any]:
    """A chain as a tree for machines."""
    then = [_nested(chain, child) for child in _children(chain, row)]
    return {"id": row.id, "handler": row.handler, "state": str(row.state), "attempts": row.attempts, "then": then}


def _tree(chain: dict[int, DeliveryRow], row: DeliveryRow, shown: int, indent: str = "") -> Iterator[str]:
    """A chain as a tree for people; the delivery shown is marked."""
    mark = "  <- this one" if row.id == shown else ""
    reason = f": {escaped(row.reason)}" if row.reason else ""
    yield f"{indent}{row.id} {row.handler} {row.state}{reason}{mark}"
    children = _children(chain, row)
    for child in children:
        last = child is children[-1]
        first, *rest = _tree(chain, child, shown)
        yield f"{indent}{'└─' if last else '├─'} {first}"
        yield from (f"{indent}{'  ' if last else '│ '} {line}" for line in rest)
