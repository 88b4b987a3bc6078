"""`spapi-router operations`: the catalogue of SP-API operations with their usage plans."""

from typing import Any

import click

from handlers import registry
from receiver.cli.output import json_line, listing, table


@click.group("operations")
def command() -> None:
    """The operations of SP-API: what each takes, and how often it may be called."""


@command.command("list")
@click.argument("word", required=False, metavar="[WORD]")
@click.option("--api", metavar="API", help="Only those of one API, like `orders`, or of a version, like `orders.v0`.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the parameters.")
def list_operations(word: str | None, api: str | None, as_json: bool) -> None:
    """List the operations, with WORD those whose name or path has it.

    RATE is calls a second, BURST calls at once, for each account.
    """
    catalogue = registry.spapi().Catalogue.load()
    operations = catalogue.of_api(api) if api else list(catalogue)
    records = [_record(operation, as_json) for operation in operations if word is None or _has(operation, word)]
    none = "there are no operations" if word is None else f"no operation has {word!r} in its name or path"
    listing(records, ["operation", "method", "path", "rate", "burst", "note"], as_json, none)


@command.command("show", short_help="Show the operation NAME.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show_operation(name: str, as_json: bool) -> None:
    """Show the operation NAME: `orders.2026-01-01.getOrder`, or `orders.getOrder` where that is clear."""
    operation = registry.spapi().Catalogue.load().find(name)
    if as_json:
        json_line(operation.as_record())
        return
    click.echo(operation.full_name)
    for label, text in _facts(operation):
        click.echo(f"  {label:<10} {text}")
    if operation.parameters:
        click.echo()
        rows = [[item.name, item.place, "yes" if item.required else "no", _values(item)] for item in _sorted(operation)]
        table(["parameter", "in", "required", "values"], rows)


def _has(operation: Any, word: str) -> bool:
    return word.lower() in f"{operation.full_name} {operation.path}".lower()


def _record(operation: Any, as_json: bool) -> dict[str, Any]:
    record: dict[str, Any] = operation.as_record()
    return record if as_json else record | {"note": _note(operation)}


def _note(operation: Any) -> str:
    notes = ["deprecated"] if operation.deprecated else []
    return ", ".join([*notes, "grantless"] if operation.scope else notes)


def _facts(operation: Any) -> list[tuple[str, str]]:
    rate, burst = operation.plan
    published = "" if operation.rate else "; Amazon publishes none, so careful until an answer names the rate"
    facts = [
        ("request", f"{operation.method} {operation.path}"),
        ("plan", f"{_pace(rate)}, {burst} at once{published}"),
        ("token", f"grantless, scope {operation.scope}" if operation.scope else "the account's"),
        ("body", "JSON" if operation.takes_body else "none"),
    ]
    return [*facts, ("deprecated", "Amazon will remove it")] if operation.deprecated else facts


def _pace(rate: float) -> str:
    a_minute = f" ({rate * 60:.2g} a minute)" if rate < 0.1 else ""
    return f"{rate:g} calls a second{a_minute}"


def _values(parameter: Any) -> str:
    several = {"csv": "several, joined by commas", "multi": "several: repeat NAME=VALUE"}
    return several.get(parameter.array, "one")


def _sorted(operation: Any) -> list[Any]:
    return sorted(operation.parameters, key=lambda parameter: not parameter.required)
