"""The options that choose notifications, shared by the listing and the export of the inbox."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from receiver.cli.times import TIME
from receiver.inbox import NotificationFilter
from receiver.notification import asked_type

F = TypeVar("F", bound=Callable[..., Any])


def notification_options(command: F) -> F:
    """The options of a filter; the command hands what it gets of them to `chosen`."""
    options = (
        click.option("--type", "type_", metavar="TYPE", help="Of one notification type, like ORDER_CHANGE."),
        click.option("--seller", "seller_id", metavar="ID", help="Of one seller."),
        click.option("--topic", metavar="ARN", help="Of one SNS topic."),
        click.option("--unrouted", is_flag=True, help="Those alone that no rule matched."),
        click.option(
            "--since", type=TIME, metavar="TIME", help="Received at or after: 2026-03-06T20:00:26Z, or an age like 2h."
        ),
        click.option("--until", type=TIME, metavar="TIME", help="Received before."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def chosen(limit: int | None, **options: Any) -> NotificationFilter:
    """The filter that `notification_options` ask for."""
    type_, unrouted = options.pop("type_"), options.pop("unrouted")
    normal = asked_type(type_) if type_ is not None else None
    return NotificationFilter(type=normal, unrouted=unrouted or None, limit=limit, **options)
