"""What the commands that set notifications up share: options, and the rules file's application connected to SP-API."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from handlers import registry
from receiver.cli.connected import connected
from receiver.config import load
from receiver.setup.destinations import Destinations
from receiver.setup.errors import SetupError
from receiver.setup.resources import EventBridge, Queue, Resources
from receiver.setup.subscriptions import Subscriptions
from receiver.spapi import required

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")

REGION = click.Choice(["na", "eu", "fe"])
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
account_option = click.option(
    "--account", metavar="SELLER", help="The seller id, or SELLER@REGION.  [default: the only account]"
)
version_option = click.option(
    "--payload-version", "version", metavar="VERSION", help="Another payload version than the type's usual one."
)


def resource_options(command: F) -> F:
    """`--event-bridge`, `--event-bridge-region` and `--sqs`; see `resources`."""
    for option in (
        click.option("--sqs", metavar="ARN", help="The SQS queue that carries the types which go to SQS."),
        click.option(
            "--event-bridge-region",
            "bus_region",
            metavar="REGION",
            help="Where its event bus is.  [default: SP-API's AWS region]",
        ),
        click.option(
            "--event-bridge", metavar="ACCOUNT_ID", help="The AWS account for the types which go to EventBridge."
        ),
    ):
        command = option(command)
    return command


def resources(event_bridge: str | None, bus_region: str | None, sqs: str | None, region: str) -> Resources:
    """What was given to deliver to; an event bus is in the AWS region of SP-API's `region` unless named.

    Raises SetupError.
    """
    if bus_region and not event_bridge:
        raise SetupError("--event-bridge-region goes with --event-bridge AWS_ACCOUNT_ID")
    return resources_in(event_bridge, bus_region or registry.spapi().REGIONS[region].aws_region, sqs)


def resources_in(event_bridge: str | None, bus_region: str | None, sqs: str | None) -> Resources:
    """What was given to deliver to, the event bus in an AWS region. Raises SetupError."""
    queue = None if sqs is None else Queue.parse(sqs)
    if event_bridge is None:
        return Resources(None, queue)
    return Resources(EventBridge.parse(event_bridge, bus_region or ""), queue)


@dataclass(frozen=True, slots=True)
class Application:
    """A connected client of SP-API, and what it may do."""

    client: Any
    spapi: Any
    sandbox: bool

    async def subscriptions(self, seller: str | None) -> Subscriptions:
        """The subscriptions of an account. Raises AccountError."""
        return Subscriptions(self.client, self.spapi, await self.client.accounts.choose(seller))

    async def destinations(self, region: str | None) -> Destinations:
        """The destinations in a region: the one given, or the one that every account is of. Raises SetupError."""
        regions = {account.region for account in await self.client.accounts.every()}
        if region is None and len(regions) != 1:
            raise SetupError("destinations belong to a region: name it with --region na, eu or fe")
        return Destinations(self.client, self.spapi, region or regions.pop())


def run(config: Path, doing: str, work: Callable[[Application], Awaitable[R]]) -> R:
    """Do a work with the application that the rules file describes; `doing` goes into the audit log of tokens."""
    loaded = load(config)
    settings = required(loaded.spapi, config)
    # A stand-in takes test notifications as the sandbox does.
    sandbox = settings.sandbox or any((settings.endpoints.na, settings.endpoints.eu, settings.endpoints.fe))

    async def work_connected() -> R:
        async with connected(loaded, f"{doing}, uid {os.getuid()}") as client:
            return await work(Application(client, registry.spapi(), sandbox))

    return asyncio.run(work_connected())
