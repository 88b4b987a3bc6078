"""`spapi-router explain`: which rules match a message, why not the others, and what would be sent."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from receiver.cli.ids import NOTIFICATION
from receiver.cli.kept import reading
from receiver.cli.options import config_option
from receiver.cli.output import json_line, table
from receiver.cli.times import TIME
from receiver.config import Configuration, load
from receiver.errors import RouterError
from receiver.explanation import Explainer, Explanation, Planned, UnreadableMessage, differences
from receiver.inbox import NotificationFilter
from receiver.notification import Notification, read_stored
from receiver.rules import Verdict

_PAGE = 500


@click.command(name="explain")
@click.argument("message", required=False)
@click.option("--inbox", "kept", type=NOTIFICATION, metavar="ID", help="Explain a notification of the inbox.")
@click.option("--topic", default="", metavar="ARN", help="The topic of a message that does not name one.")
@click.option("--against", type=click.Path(path_type=Path), metavar="NEW.toml", help="Compare with another rules file.")
@click.option("--since", type=TIME, default="7d", metavar="TIME", help="With --against: how far back. Default: 7d.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@config_option
def command(
    message: str | None, kept: int | None, topic: str, against: Path | None, since: float, as_json: bool, config: Path
) -> None:
    """Say which rules match MESSAGE (a file, or - for standard input), why the others do not, and what would be sent.

    MESSAGE is an SNS message, a bare notification, an EventBridge event or an SQS record. Nothing is sent.
    """
    if [message is not None, kept is not None, against is not None].count(True) != 1:
        raise click.UsageError("give a MESSAGE, or --inbox ID, or --against NEW.toml: one of them")
    configuration = load(config)
    if against is not None:
        asyncio.run(_compare(configuration, load(against), since, as_json))
        return
    explainer = Explainer(configuration)
    if message is not None:
        explanations = explainer.explain_text(_text(message), topic)
    else:
        explanations = [explainer.explain(asyncio.run(_kept(configuration, kept or 0)))]
    for explanation in explanations:
        json_line(_record(explanation)) if as_json else _show(explanation)


def _text(name: str) -> str:
    """A message's text, from a file or standard input. Raises UnreadableMessage."""
    try:
        return (sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()).decode()
    except OSError as error:
        raise click.BadParameter(f"{name}: {error.strerror}", param_hint="MESSAGE") from None
    except UnicodeDecodeError as error:
        raise UnreadableMessage(f"{name} cannot be read: {error}") from None


async def _kept(config: Configuration, id_: int) -> Notification:
    inbox = await reading(config)(config.inbox.database)
    try:
        row = await inbox.notification(id_)
    finally:
        await inbox.close()
    if row is None:
        raise RouterError(f"the inbox has no notification {id_}: see `spapi-router inbox list`")
    return read_stored(row.body, row.part)


async def _compare(current: Configuration, other: Configuration, since: float, as_json: bool) -> None:
    inbox = await reading(current)(current.inbox.database)
    looked = changed = 0
    before, after = Explainer(current), Explainer(other)
    try:
        last: int | None = None
        while rows := await inbox.notifications(NotificationFilter(since=since, before_id=last, limit=_PAGE)):
            kept = ((row.id, read_stored(row.body, row.part)) for row in rows)
            changed += _show_differences(kept, before, after, as_json)
            looked += len(rows)
            last = rows[-1].id
    finally:
        await inbox.close()
    click.echo(f"{looked} notifications looked at, {changed} would go elsewhere", err=as_json)


def _show_differences(
    kept: Iterator[tuple[int, Notification]], before: Explainer, after: Explainer, as_json: bool
) -> int:
    count = 0
    for difference in differences(kept, before, after):
        count += 1
        if as_json:
            json_line({"id": difference.id, "type": difference.type, "gone": difference.gone, "new": difference.new})
            continue
        changes = [f"- {way}" for way in difference.gone] + [f"+ {way}" for way in difference.new]
        click.echo(f"{difference.id}  {difference.type or '(no type)'}")
        for change in changes or ["  the order changes"]:
            click.echo(f"    {change}")
    return count


def _show(explanation: Explanation) -> None:
    notification = explanation.notification
    facts = [notification.type or "(no type)", f"id {notification.notification_id or notification.dedup_key}"]
    facts += [f"seller {notification.seller_id}"] if notification.seller_id else []
    click.echo("  ".join(facts))
    click.echo()
    if explanation.verdicts:
        table(["rule", "result", "why"], [[verdict.rule.name, *_verdict(verdict)] for verdict in explanation.verdicts])
    for planned in explanation.deliveries:
        click.echo()
        _show_delivery(planned)
    if not explanation.deliveries:
        click.echo("\nno rule fires: the notification is kept as unrouted")


def _verdict(verdict: Verdict) -> tuple[str, str]:
    if verdict.fired:
        return "fires", "stop: no later rule is looked at" if verdict.rule.stop else ""
    if verdict.matched:
        return (
            "matches",
            "is not enabled" if not verdict.rule.enabled else "an earlier rule with stop has ended the search",
        )
    return "no match", str(verdict.failed)


def _show_delivery(planned: Planned) -> None:
    route = planned.route
    key = f", key {route.key}" if route.key is not None else ""
    click.echo(f"{route.rule} -> {route.handler}{key}")
    if planned.error:
        click.echo(f"    dead at once: {planned.error}")
    for request in planned.requests:
        click.echo(f"    {request.summary}")
        for name, value in request.headers.items():
            click.echo(f"    {name}: {value}")
        if request.body is not None:
            click.echo(f"    {request.body}")
    if planned.then:
        click.echo(f"    then -> {', '.join(planned.then)}")


def _record(explanation: Explanation) -> dict[str, Any]:
    notification = explanation.notification
    return {
        "type": notification.type,
        "notification_id": notification.notification_id,
        "seller_id": notification.seller_id,
        "marketplace_id": notification.marketplace_id,
        "rules": [
            {
                "rule": verdict.rule.name,
                "matched": verdict.matched,
                "fired": verdict.fired,
                "failed": {
                    "path": verdict.failed.path,
                    "wanted": verdict.failed.wanted,
                    "seen": verdict.failed.seen,
                }
                if verdict.failed
                else None,
            }
            for verdict in explanation.verdicts
        ],
        "deliveries": [_planned_record(planned) for planned in explanation.deliveries],
    }


def _planned_record(planned: Planned) -> dict[str, Any]:
    return {
        "rule": planned.route.rule,
        "handler": planned.route.handler,
        "key": planned.route.key,
        "then": planned.then,
        "error": planned.error or None,
        "requests": [
            {"summary": request.summary, "headers": dict(request.headers), "body": request.body}
            for request in planned.requests
        ],
    }
