"""`spapi-router simulate spapi`: a stand-in for Login with Amazon and SP-API, until it is stopped."""

import asyncio
import signal
from typing import Any

import click

from receiver.cli.output import json_line, table
from receiver.cli.written import DURATION
from receiver.simulators.errors import SimulationError
from receiver.simulators.spapi import Settings, SimulatedSpapi
from receiver.simulators.spapi.faults import Fault
from receiver.simulators.spapi.settings import AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, CLIENT_ID, CLIENT_SECRET


@click.command()
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:4600", show_default=True, help="Port 0: a free one.")
@click.option("--sellers", type=click.IntRange(1, 9999), default=1, show_default=True, help="Seller accounts.")
@click.option("--region", type=click.Choice(["na", "eu", "fe"]), default="na", show_default=True, help="Theirs.")
@click.option("--orders", type=click.IntRange(0, 1_000_000), default=250, show_default=True, help="For each seller.")
@click.option("--skus", type=click.IntRange(1, 9999), default=120, show_default=True, help="For each seller.")
@click.option("--rows", type=click.IntRange(0, 50_000_000), default=1000, show_default=True, help="Rows of a report.")
@click.option("--report-time", type=DURATION, default="5s", show_default=True, help="How long a report or feed takes.")
@click.option("--token-life", type=DURATION, default="1h", show_default=True, help="How long an access token lasts.")
@click.option("--url-life", type=DURATION, default="5m", show_default=True, help="How long a document's URL lasts.")
@click.option("--plans/--no-plans", default=True, help="Whether usage plans are enforced, with 429.")
@click.option("--plan-factor", type=click.FloatRange(0.001, 1e6), default=1.0, help="Multiplies every rate.")
@click.option(
    "--fault", "faults", multiple=True, metavar="KIND:SHARE", help="503:5%, slow:10%:2s or cut:1%; may be repeated."
)
@click.option("--seed", type=int, help="The same faults in the same order each time.")
@click.option("--client-id", default=CLIENT_ID, help="What the application must call itself.")
@click.option("--client-secret", envvar="LWA_CLIENT_SECRET", default=CLIENT_SECRET, help="Or LWA_CLIENT_SECRET.")
@click.option("--json", "as_json", is_flag=True, help="End with the calls as JSON, one object a line.")
def command(listen: str, as_json: bool, faults: tuple[str, ...], **options: Any) -> None:
    """Stand in for Login with Amazon, STS and SP-API until stopped (Ctrl-C); then say what was called.

    Tokens, usage plans, restricted data, pages and reports that take time behave as Amazon's do. Orders, listings,
    inventory, reports, feeds, Data Kiosk, inbound plans and notifications have data; other operations answer empty.
    """
    renamed = {"rows": "report_rows"}
    try:
        chosen = Settings(
            faults=tuple(Fault.parse(text) for text in faults),
            **{renamed.get(name, name): value for name, value in options.items()},
        )
        simulated = SimulatedSpapi(chosen, listen)
    except SimulationError as error:
        raise click.UsageError(str(error)) from None
    asyncio.run(_run(simulated))
    _print(simulated, as_json)


async def _run(simulated: SimulatedSpapi) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with simulated:
        click.echo(setup(simulated), err=True)
        await stop.wait()


def setup(simulated: SimulatedSpapi) -> str:
    """What to set and to write so that spapi-router calls the stand-in. Its credentials open nothing else."""
    settings, url = simulated.settings, simulated.url
    return "\n".join(
        [
            "# in the environment:",
            f"export LWA_CLIENT_ID='{settings.client_id}' LWA_CLIENT_SECRET='{settings.client_secret}'",
            f"export SPAPI_REFRESH_TOKEN='{settings.refresh_token(1)}'",
            "# in rules.toml:",
            "[spapi]",
            'client_id = { env = "LWA_CLIENT_ID" }',
            'client_secret = { env = "LWA_CLIENT_SECRET" }',
            "[spapi.endpoints]",
            f'lwa = "{simulated.lwa_url}"',
            *(f'{name} = "{url}"' for name in ("na", "eu", "fe", "central")),
            "[[spapi.accounts]]",
            f'seller_id = "{settings.seller_id(1)}"',
            f'region = "{settings.region}"',
            'refresh_token = { env = "SPAPI_REFRESH_TOKEN" }',
            '# with sign = "sigv4" under [spapi]:',
            f"# export AWS_ACCESS_KEY_ID='{AWS_ACCESS_KEY_ID}' AWS_SECRET_ACCESS_KEY='{AWS_SECRET_ACCESS_KEY}'",
            f'# aws = {{ role_arn = "arn:aws:iam::123456789012:role/any", sts = "{simulated.sts_url}" }}',
        ]
    )


def _print(simulated: SimulatedSpapi, as_json: bool) -> None:
    calls = [*sorted(simulated.amazon.statistics.calls.items())]
    grants = [((f"LWA {kind}", status), count) for (kind, status), count in sorted(simulated.grants.items())]
    if as_json:
        for (operation, status), count in [*grants, *calls]:
            json_line({"operation": operation, "status": status, "count": count})
        return
    table(["operation", "status", "count"], [[*key, count] for key, count in [*grants, *calls]])
