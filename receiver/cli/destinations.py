"""`spapi-router destinations`: where SP-API sends the application's notifications."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from receiver.cli.application import REGION, Application, json_option, resource_options, resources, run
from receiver.cli.options import config_option
from receiver.cli.output import json_line, listing
from receiver.setup.resources import described

_COLUMNS = ["destination", "name", "to", "resource"]
region_option = click.option("--region", type=REGION, help="SP-API's region.  [default: that of the accounts]")


@click.group("destinations")
def command() -> None:
    """Destinations belong to the application, one set for each region of SP-API."""


@command.command("list")
@region_option
@json_option
@config_option
def list_destinations(region: str | None, as_json: bool, config: Path) -> None:
    """List the destinations. RESOURCE of EventBridge names the account, the region and the partner event source."""

    async def work(application: Application) -> list[Mapping[str, Any]]:
        return await (await application.destinations(region)).list()

    records = [_record(item) for item in run(config, "destinations list", work)]
    listing(records, _COLUMNS, as_json, "there are no destinations")


@command.command("create", short_help="Create a destination for SQS or EventBridge.")
@click.argument("name", required=False)
@resource_options
@region_option
@json_option
@config_option
def create_destination(name: str | None, region: str | None, as_json: bool, config: Path, **given: Any) -> None:
    """Create the destination NAME for an SQS queue or an account's EventBridge, unless there is one for it."""
    if (given["sqs"] is None) == (given["event_bridge"] is None):
        raise click.UsageError("give one of --sqs ARN and --event-bridge ACCOUNT_ID")

    async def work(application: Application) -> tuple[Mapping[str, Any], bool]:
        destinations = await application.destinations(region)
        wanted = resources(given["event_bridge"], given["bus_region"], given["sqs"], destinations.region)
        resource = wanted.queue or wanted.event_bridge
        if resource is None:
            raise click.UsageError("give --sqs ARN or --event-bridge ACCOUNT_ID")
        return await destinations.ensure(resource, name)

    found, made = run(config, "destinations create", work)
    record = _record(found) | {"state": "created" if made else "unchanged"}
    listing([record], ["state", *_COLUMNS], as_json, "")


@command.command("delete")
@click.argument("destination_id")
@region_option
@json_option
@config_option
def delete_destination(destination_id: str, region: str | None, as_json: bool, config: Path) -> None:
    """Delete the destination DESTINATION_ID. Amazon keeps one that subscriptions still use."""

    async def work(application: Application) -> None:
        await (await application.destinations(region)).delete(destination_id)

    run(config, "destinations delete", work)
    if as_json:
        json_line({"destination": destination_id, "state": "deleted"})
    else:
        click.echo(f"deleted {destination_id}")


def _record(destination: Mapping[str, Any]) -> dict[str, Any]:
    carrier, resource = described(destination)
    return {
        "destination": destination.get("destinationId"),
        "name": destination.get("name"),
        "to": carrier,
        "resource": resource,
    }
