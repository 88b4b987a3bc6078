"""`spapi-router subscribe`: have SP-API send a seller's notifications."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from handlers import registry
from handlers.base import HandlerError
from receiver.cli.application import (
    Application,
    account_option,
    json_option,
    resource_options,
    resources,
    run,
    version_option,
)
from receiver.cli.aws_side import print_aws
from receiver.cli.options import PLACES, find_config
from receiver.cli.output import listing
from receiver.cli.subscriptions import record_of
from receiver.setup.errors import SetupError
from receiver.setup.kinds import Filter, Kind, kind
from receiver.setup.resources import Resources
from receiver.setup.subscriptions import Wanted

_CONFIG_HELP = f"The rules file.  [default: ./{PLACES[0]}, then {PLACES[1]}]"
_MARKETPLACE = re.compile(r"[A-Z0-9]{10,14}")
_COLUMNS = ["state", "type", "account", "subscription", "version", "destination", "filter"]


@click.command("subscribe")
@click.argument("types", nargs=-1, required=True, metavar="TYPE...")
@account_option
@resource_options
@click.option("--marketplace", "marketplaces", multiple=True, metavar="ID", help="Of this marketplace alone; DE works.")
@click.option(
    "--order-change",
    "order_changes",
    multiple=True,
    type=click.Choice(["OrderStatusChange", "BuyerRequestedChange"]),
    help="For ORDER_CHANGE: such changes alone.",
)
@click.option(
    "--aggregate",
    "aggregation",
    type=click.Choice(["FiveMinutes", "TenMinutes"]),
    help="For ANY_OFFER_CHANGED: one in such a time.",
)
@version_option
@click.option("--replace", is_flag=True, help="Delete a subscription that differs, and make it anew.")
@click.option("--destination-name", metavar="NAME", help="How a new destination is called.")
@click.option(
    "--print-aws",
    is_flag=False,
    flag_value="cloudformation",
    type=click.Choice(["cloudformation", "cli"]),
    help="Print the AWS side and subscribe nothing: a CloudFormation template, or a script of AWS CLI lines.",
)
@click.option("--endpoint", metavar="URL", help="With --print-aws: the https URL that SNS pushes to.")
@click.option(
    "--name", default="sp-api-notifications", show_default=True, help="With --print-aws: names the topic and the rest."
)
@click.option(
    "--event-source",
    metavar="NAME",
    help="With --print-aws: the partner event source.  [default: by application_id under [spapi]]",
)
@json_option
@click.option("--config", type=click.Path(path_type=Path), metavar="PATH", help=_CONFIG_HELP)
def command(types: Sequence[str], config: Path | None, as_json: bool, **options: Any) -> None:
    """Subscribe an account to notifications of each TYPE, and create the destination they need.

    Run again, it changes nothing. SP-API sends some types to EventBridge and the others to SQS; a command that names
    both kinds takes both options.

    \b
        spapi-router subscribe ORDER_CHANGE --sqs arn:aws:sqs:us-east-1:123456789012:sp-api-notifications
        spapi-router subscribe LISTINGS_ITEM_ISSUES_CHANGE --event-bridge 123456789012
        spapi-router subscribe ORDER_CHANGE --sqs arn:aws:sqs:us-east-1:123456789012:sp-api-notifications \\
            --print-aws cloudformation --endpoint https://notify.example.com/sns > stack.json
    """  # noqa: D301 - click's mark for text that keeps its lines
    kinds = [kind(name, options["version"]) for name in dict.fromkeys(types)]
    if options["print_aws"]:
        print_aws(options["print_aws"], kinds, config, options)
        return
    wanted = Filter(_marketplaces(options["marketplaces"]), options["order_changes"], options["aggregation"])
    directives = {item.name: wanted.directive(item.name) for item in kinds}

    async def work(application: Application) -> tuple[list[dict[str, Any]], list[str]]:
        return await _subscribe(application, kinds, directives, options)

    records, failures = run(find_config(config), "subscribe", work)
    if records:
        listing(records, _COLUMNS, as_json, "")
    if failures:
        raise SetupError("\n".join(failures))


async def _subscribe(
    application: Application, kinds: Sequence[Kind], directives: dict[str, Any], options: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    """What was subscribed to, and what was said where that failed: one type does not stand in the way of others."""
    subscriptions = await application.subscriptions(options["account"])
    region = subscriptions.account.region
    _check_region(_marketplaces(options["marketplaces"]), region)
    given = resources(options["event_bridge"], options["bus_region"], options["sqs"], region)
    places = await _destinations(application, kinds, given, region, options["destination_name"])
    records, failures = [], []
    for item in kinds:
        wanted = Wanted(item, places[item.name], directives[item.name])
        try:
            found, state = await subscriptions.ensure(wanted, replace=options["replace"])
        except (SetupError, HandlerError) as error:
            failures.append(str(error))
        else:
            records.append({"state": state} | record_of(item.name, subscriptions.account.id, found))
    return records, failures


async def _destinations(
    application: Application, kinds: Sequence[Kind], given: Resources, region: str, name: str | None
) -> dict[str, str]:
    """The destination id of each type; every type's resource is looked at before anything is made."""
    given.check_used(kinds)
    destinations = await application.destinations(region)
    needed = dict.fromkeys(given.of(item) for item in kinds)
    if name is not None and len(needed) > 1:
        raise SetupError("--destination-name names one destination, and these types need two: leave it out")
    ids = {}
    for resource in needed:
        found, _made = await destinations.ensure(resource, name)
        if not found.get("destinationId"):
            raise SetupError(f"SP-API gave the destination {resource.default_name} no id: run the command again")
        ids[resource] = str(found["destinationId"])
    return {item.name: ids[given.of(item)] for item in kinds}


def _marketplaces(names: Sequence[str]) -> tuple[str, ...]:
    """Marketplace ids of ids and countries, each once. An id that is not known is left for Amazon to judge."""
    known = registry.spapi().MARKETPLACES.values()
    ids = {item.country: item.id for item in known} | {"GB": "A1F83G8C2ARO7P"}
    found = dict.fromkeys(ids.get(name.upper(), name) for name in names)
    for name in found:
        if not _MARKETPLACE.fullmatch(name):
            raise SetupError(f"--marketplace: there is no {name!r}: use a marketplace id, or one of {', '.join(ids)}")
    return tuple(found)


def _check_region(marketplaces: Sequence[str], region: str) -> None:
    known = registry.spapi().MARKETPLACES
    for found in (known[name] for name in marketplaces if name in known):
        if found.region != region:
            raise SetupError(
                f"marketplace {found.id} ({found.country}) belongs to region {found.region}, but the account is of "
                f"region {region}: subscribe with an account of region {found.region}"
            )
