"""`spapi-router subscriptions`: which notifications a seller's account sends."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from receiver.cli.application import Application, account_option, json_option, run, version_option
from receiver.cli.options import config_option
from receiver.cli.output import json_line, listing, on_terminal
from receiver.setup.errors import SetupError
from receiver.setup.kinds import KINDS, kind

_COLUMNS = ["type", "account", "subscription", "version", "destination", "filter"]


@click.group("subscriptions")
def command() -> None:
    """Subscriptions belong to a seller's account. `spapi-router subscribe` makes them."""


@command.command("list", short_help="List an account's subscriptions.")
@click.argument("types", nargs=-1, metavar="[TYPE]...")
@account_option
@version_option
@json_option
@config_option
def list_subscriptions(
    types: Sequence[str], account: str | None, version: str | None, as_json: bool, config: Path
) -> None:
    """List an account's subscriptions, of the TYPEs alone where some are given.

    SP-API is asked for each type in turn, about one a second.
    """
    names = [kind(name, version).name for name in types] or sorted(KINDS)

    async def work(application: Application) -> list[dict[str, Any]]:
        subscriptions = await application.subscriptions(account)
        records = []
        for name in names:
            if on_terminal():
                click.echo(f"\r\x1b[K{name}", err=True, nl=False)
            found = await subscriptions.find(name, version)
            if found is not None:
                records.append(record_of(name, subscriptions.account.id, found))
        if on_terminal():
            click.echo("\r\x1b[K", err=True, nl=False)
        return records

    listing(run(config, "subscriptions list", work), _COLUMNS, as_json, "there are no subscriptions")


@command.command("test", short_help="Have Amazon send a mock notification (sandbox only).")
@click.argument("name", metavar="TYPE")
@account_option
@version_option
@json_option
@config_option
def send_test(name: str, account: str | None, version: str | None, as_json: bool, config: Path) -> None:
    """Have Amazon send a mock notification of TYPE to its subscription's destination. SP-API's sandbox only."""

    async def work(application: Application) -> str:
        if not application.sandbox:
            raise SetupError(
                "Amazon sends test notifications from its sandbox only: set `sandbox = true` under [spapi] in a rules "
                "file for tests, and subscribe there"
            )
        return await (await application.subscriptions(account)).test(name, version)

    destination = run(config, "subscriptions test", work)
    if as_json:
        json_line({"type": name, "destination": destination, "state": "sent"})
    else:
        click.echo(f"{name}: a test notification is on its way to destination {destination}")


@command.command("delete")
@click.argument("name", metavar="TYPE")
@account_option
@version_option
@json_option
@config_option
def delete_subscription(name: str, account: str | None, version: str | None, as_json: bool, config: Path) -> None:
    """Delete an account's subscription of TYPE: Amazon sends it no more."""

    async def work(application: Application) -> str:
        return await (await application.subscriptions(account)).delete(name, version)

    subscription = run(config, "subscriptions delete", work)
    if as_json:
        json_line({"type": name, "subscription": subscription, "state": "deleted"})
    else:
        click.echo(f"{name}: deleted {subscription}")


def record_of(name: str, account: str, subscription: Mapping[str, Any]) -> dict[str, Any]:
    """What a listing shows of a subscription."""
    return {
        "type": name,
        "account": account,
        "subscription": subscription.get("subscriptionId"),
        "version": subscription.get("payloadVersion"),
        "destination": subscription.get("destinationId"),
        "filter": _filter(subscription.get("processingDirective")),
    }


def _filter(directive: Any) -> str | None:
    """A processing directive in a line: `marketplaceIds=A,B aggregationTimePeriod=FiveMinutes`."""
    found = directive.get("eventFilter") if isinstance(directive, Mapping) else None
    if not isinstance(found, Mapping):
        return None
    settings = found.get("aggregationSettings")
    fields = {**found, **settings} if isinstance(settings, Mapping) else dict(found)
    parts = [
        f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in fields.items()
        if value and name not in {"eventFilterType", "aggregationSettings"}
    ]
    return " ".join(parts) or None
