"""`spapi-router authorize`: the URL at which a seller lets the application in."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import click

from receiver.cli.options import config_option
from receiver.cli.output import iso, json_line
from receiver.config import Configuration, load
from receiver.consent import STATE_LIFE, Wish, ask
from receiver.inbox import SqliteInbox
from receiver.inbox.consents import Consents
from receiver.spapi import required


@click.command("authorize")
@click.option("--marketplace", metavar="COUNTRY|ID", help="Where the seller signs in, like DE. It tells the region.")
@click.option("--region", type=click.Choice(["na", "eu", "fe"]), help="In place of a marketplace.")
@click.option("--vendor", is_flag=True, help="A vendor, who signs in to Vendor Central.")
@click.option("--seller", metavar="SELLER", default="", help="The one seller that may answer, also to connect it anew.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@config_option
def command(config: Path, seller: str, as_json: bool, **place: Any) -> None:
    """Print the URL at which a seller consents that the application calls SP-API.

    Send it to the seller, or open it signed in to the seller's account. It works once, for ten minutes; the daemon
    takes the answer at the path of `spapi.redirect_uri`, and keeps the account sealed in the inbox.
    """
    now = time.time()
    url = asyncio.run(_ask(load(config), Wish(seller_id=seller, **place), now))
    ends_at = iso(now + STATE_LIFE)
    if as_json:
        json_line({"url": url, "ends_at": ends_at})
        return
    click.echo(url)
    click.echo(f"works once, until {ends_at}", err=True)


async def _ask(config: Configuration, wish: Wish, now: float) -> str:
    settings = required(config.spapi, config.path)
    inbox = await SqliteInbox.attach(config.inbox.database)
    try:
        return await ask(settings, Consents(inbox), wish, now, f"authorize, uid {os.getuid()}")
    finally:
        await inbox.close()
