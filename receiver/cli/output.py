"""What commands print: tables for people, one JSON object a line for machines, times in ISO 8601 UTC."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import orjson

from receiver import times
from receiver.escapes import escaped, escaped_json


def iso(seconds: float | None) -> str | None:
    """A time as ISO 8601 UTC with milliseconds."""
    if seconds is None:
        return None
    return times.iso(seconds)


def json_line(record: Mapping[str, Any]) -> None:
    """Print one JSON object on a line of its own."""
    click.echo(escaped_json(orjson.dumps(record, default=str, option=orjson.OPT_NON_STR_KEYS).decode()))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table: aligned columns, no cell cut in a pipe, control characters of a sender made harmless."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[place]) for row in cells)]) for place, name in enumerate(columns)]
    for row in [[name.upper() for name in columns], *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def listing(records: Iterable[Mapping[str, Any]], columns: Sequence[str], as_json: bool, none: str) -> None:
    """Print records as JSON lines or as a table; `none` is said on standard error where there are no records."""
    records = list(records)
    if as_json:
        for record in records:
            json_line(record)
    elif records:
        table(columns, ([record.get(name) for name in columns] for record in records))
    else:
        click.echo(none, err=True)


def on_terminal() -> bool:
    """Whether a person watches: progress bars and colour are for terminals only."""
    return sys.stderr.isatty()


def _cell(value: Any) -> str:
    text = "-" if value is None or value == "" else str(value)
    return escaped(text)
