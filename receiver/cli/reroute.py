"""`spapi-router inbox reroute`: match kept notifications again with the rules file of today."""

import time
from pathlib import Path
from typing import Any

import click

from receiver.cli.ids import NOTIFICATION
from receiver.cli.kept import reading, with_inbox
from receiver.cli.options import config_option
from receiver.cli.output import json_line
from receiver.cli.times import TIME
from receiver.config import load
from receiver.escapes import escaped
from receiver.inbox import NotificationFilter, SqliteInbox
from receiver.notification import asked_type
from receiver.rerouting import Lacking, Rerouter


@click.command("reroute", short_help="Match notifications again, and add deliveries they lack.")
@click.argument("ids", metavar="[ID]...", type=NOTIFICATION, nargs=-1)
@click.option("--type", "type_", metavar="TYPE", help="Of one notification type, like ORDER_CHANGE.")
@click.option("--unrouted", is_flag=True, help="Those alone that no rule matched when they came.")
@click.option(
    "--since", type=TIME, metavar="TIME", help="Received at or after: 2026-03-06T20:00:26Z, or an age like 2h."
)
@click.option("--until", type=TIME, metavar="TIME", help="Received before.")
@click.option("--yes", is_flag=True, help="Add the deliveries. Without it they are only shown.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a notification.")
@config_option
def command(ids: tuple[int, ...], config: Path, yes: bool, as_json: bool, **chosen: Any) -> None:
    """Match notifications again with the rules file, and show or add the deliveries that they lack.

    Name them by ID, or choose them by the options. A delivery that is there, however it ended, is not made again:
    for that there is `deliveries replay`. The daemon may run meanwhile, and takes up what is added.
    """
    which = _which(**chosen)
    if bool(ids) == (which != NotificationFilter(limit=None)):
        raise click.UsageError("name notifications by ID, or choose them with --since, --until, --type, --unrouted")
    configuration = load(config)

    async def work(inbox: SqliteInbox) -> tuple[int, int]:
        rerouter = Rerouter(inbox, configuration.rules)
        looked_at = await rerouter.named(ids) if ids else await rerouter.found(which)
        return len(looked_at), await _reroute(rerouter, looked_at, yes, as_json)

    way = reading(configuration, SqliteInbox.attach if yes else SqliteInbox.read)
    looked, added = with_inbox(configuration.inbox.database, way, work, "matching notifications")
    click.echo(_summary(looked, added, yes), err=as_json)


async def _reroute(rerouter: Rerouter, ids: list[int], yes: bool, as_json: bool) -> int:
    """Show, or add, what is lacking; how many deliveries."""
    total = 0
    async for lacking in rerouter.lacking(ids):
        if yes and lacking.routes:
            await rerouter.add(lacking, time.time())
        _show(lacking, yes, as_json)
        total += len(lacking.routes)
    return total


def _which(type_: str | None, unrouted: bool, since: float | None, until: float | None) -> NotificationFilter:
    normal = asked_type(type_) if type_ is not None else None
    return NotificationFilter(type=normal, unrouted=unrouted or None, since=since, until=until, limit=None)


def _show(lacking: Lacking, added: bool, as_json: bool) -> None:
    if as_json:
        json_line(_record(lacking, added))
        return
    click.echo(f"{lacking.id}  {escaped(lacking.type) or '(no type)'}")
    if lacking.error:
        click.echo(f"    not matched: {escaped(lacking.error)}")
    for route in lacking.routes:
        key = f", key {escaped(route.key)}" if route.key is not None else ""
        dead = f", dead at once: {escaped(route.dead)}" if route.dead else ""
        click.echo(f"    + {route.rule} -> {route.handler}{key}{dead}")


def _record(lacking: Lacking, added: bool) -> dict[str, Any]:
    routes = [
        {"rule": route.rule, "handler": route.handler, "key": route.key, "dead": route.dead} for route in lacking.routes
    ]
    return {
        "id": lacking.id,
        "type": lacking.type,
        "deliveries": routes,
        "added": added,
        "error": lacking.error or None,
    }


def _summary(looked: int, deliveries: int, yes: bool) -> str:
    seen = f"{looked:,} notification{'' if looked == 1 else 's'} looked at"
    what = f"{deliveries:,} {'delivery' if deliveries == 1 else 'deliveries'}"
    if yes:
        return f"{seen}, {what} added"
    return f"{seen}, {what} would be added" + (": --yes adds them" if deliveries else "")
