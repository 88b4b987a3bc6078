"""`spapi-router subscribe --print-aws`: the AWS side, printed and not made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import click
import orjson

from receiver.cli.application import resources_in
from receiver.cli.options import find_config
from receiver.config import load
from receiver.setup.command_lines import script
from receiver.setup.errors import SetupError
from receiver.setup.kinds import Kind
from receiver.setup.resources import Queue, Resources
from receiver.setup.route import Route
from receiver.setup.template import template
from receiver.spapi import required

Form = Literal["cloudformation", "cli"]


def print_aws(form: Form, kinds: Sequence[Kind], config: Path | None, options: Mapping[str, Any]) -> None:
    """Print the template or the script. Raises SetupError or ConfigError."""
    if options["endpoint"] is None:
        raise SetupError("--print-aws needs --endpoint, the https URL of the daemon's SNS route")
    given = _resources(options)
    given.check_used(kinds)
    source = options["event_source"] or _event_source(given, config)
    route = Route.parse(options["name"], options["endpoint"], given, source)
    if form == "cli":
        click.echo(script(route), nl=False)
    else:
        click.echo(orjson.dumps(template(route), option=orjson.OPT_INDENT_2).decode())


def _resources(options: Mapping[str, Any]) -> Resources:
    """What was given; an event bus is in the queue's region unless named, and then it is one of the two."""
    region = options["bus_region"]
    if region is None and options["sqs"] is not None:
        region = Queue.parse(options["sqs"]).region
    if region is None and options["event_bridge"] is not None:
        raise SetupError("--print-aws needs --event-bridge-region where no --sqs ARN names the AWS region")
    return resources_in(options["event_bridge"], region, options["sqs"])


def _event_source(given: Resources, config: Path | None) -> str | None:
    """The name that Amazon gives the application's event source, by the rules file."""
    if given.event_bridge is None:
        return None
    path = find_config(config)
    application_id = required(load(path).spapi, path).application_id
    if application_id is None:
        return None
    return f"aws.partner/sellingpartnerapi.amazon.com/{given.event_bridge.account_id}/{application_id}"
