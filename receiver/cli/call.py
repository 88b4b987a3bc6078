"""`spapi-router call`: one SP-API call from the command line."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from handlers import registry
from receiver.cli.connected import connected
from receiver.cli.options import config_option
from receiver.config import load

_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


@click.command("call")
@click.argument("operation")
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--account", metavar="SELLER", help="The seller id to call for. Default: by marketplace, or the only one."
)
@click.option("--region", type=click.Choice(["na", "eu", "fe"]), help="For a grantless operation without an account.")
@click.option("--body", metavar="JSON|@FILE", help="The body: JSON, or a file that holds it (@- is standard input).")
@click.option("--restricted", metavar="A,B", help="Ask for buyers' data, e.g. buyerInfo,shippingAddress.")
@click.option("--all-pages", is_flag=True, help="Every page of the answer, one JSON object a line.")
@click.option("--verbose", "-v", is_flag=True, help="Status, request id and rate on standard error.")
@config_option
def command(operation: str, parameters: Sequence[str], config: Path, **options: Any) -> None:
    """Call the SP-API OPERATION and print its answer.

    OPERATION is a name as `operations list` shows it, or a short one where that is clear. A parameter that takes
    several values is repeated or holds commas; a marketplace may be named by its country.

    \b
        spapi-router call orders.getOrder orderId=111-2223334-5556667
        spapi-router call getInventorySummaries granularityType=Marketplace granularityId=DE marketplaceIds=DE
        spapi-router call createReport --body @report.json

    The call waits for its usage plan. Exit status 1 where Amazon refuses it, and says why.
    """  # noqa: D301 - click's mark for text that keeps its lines
    spapi = registry.spapi()
    found = spapi.Catalogue.load().find(operation)
    restricted = options["restricted"]
    call = spapi.Call(
        operation=found,
        arguments=_arguments(parameters),
        body=_body(options["body"]),
        account=options["account"],
        region=options["region"],
        restricted=None if restricted is None else [name.strip() for name in restricted.split(",") if name.strip()],
    )
    spapi.build(found, call.arguments, call.body)
    if found.deprecated:
        click.echo(f"{found.full_name} is deprecated: Amazon will remove it", err=True)
    asyncio.run(_run(call, config, all_pages=options["all_pages"], verbose=options["verbose"]))


async def _run(call: Any, config: Path, *, all_pages: bool, verbose: bool) -> None:
    async with connected(load(config), f"call, uid {os.getuid()}") as client:
        async for response in client.paginate(call, most=None if all_pages else 1):
            if verbose:
                rate = response.headers.get("x-amzn-ratelimit-limit", "not named")
                click.echo(f"{response.status}, request {response.request_id or '-'}, rate {rate}", err=True)
            _print(response, orjson.OPT_APPEND_NEWLINE if all_pages else _PRETTY)


def _print(response: Any, form: int) -> None:
    parsed = response.json is not None
    sys.stdout.buffer.write(orjson.dumps(response.json, option=form) if parsed else response.content)
    sys.stdout.buffer.flush()


def _arguments(parameters: Sequence[str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if not (name and equals):
            raise click.UsageError(f"{parameter!r} is not NAME=VALUE")
        arguments.setdefault(name, []).append(_marketplaces(value) if _names_marketplaces(name) else value)
    return {name: values[0] if len(values) == 1 else values for name, values in arguments.items()}


def _names_marketplaces(name: str) -> bool:
    """Whether a parameter holds marketplace ids: those with the word in their name, and getInventorySummaries' own."""
    return "marketplace" in name.lower() or name == "granularityId"


def _marketplaces(value: str) -> str:
    """Countries in a marketplace parameter replaced by their marketplace ids."""
    marketplaces = registry.spapi().MARKETPLACES.values()
    ids = {item.country: item.id for item in marketplaces} | {"GB": "A1F83G8C2ARO7P"}
    return ",".join(ids.get(part.strip().upper(), part) for part in value.split(","))


def _body(given: str | None) -> Any:
    if given is None:
        return None
    try:
        text = _file(given[1:]) if given.startswith("@") else given.encode()
        return orjson.loads(text)
    except OSError as error:
        raise click.UsageError(f"--body: {given[1:]} cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise click.UsageError(f"--body is not JSON: {error}") from None


def _file(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
