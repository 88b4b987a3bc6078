"""Ids on the command line: the numbers by which the inbox keeps its notifications and deliveries."""

from typing import Any

import click

LARGEST = (1 << 63) - 1
"""What SQLite can count to, so that none is looked for that cannot be there."""


class RowId(click.ParamType[int]):
    """The number of a row of the inbox. `found` says how to come by one."""

    name = "id"

    def __init__(self, of: str, found: str, least: int = 1) -> None:
        """`of`: what the rows are, with its article."""
        self._of = of
        self._found = found
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        try:
            number = int(value)
        except ValueError:
            number = -1
        if not self._least <= number <= LARGEST:
            self.fail(f"{value!r} is not the id of {self._of}, a number like 42: {self._found}", param, ctx)
        return number


_NOTIFICATIONS = (
    "`spapi-router inbox list` shows them, and with --search TEXT that of a NotificationId, an order, an ASIN or a SKU"
)
NOTIFICATION = RowId("a notification in the inbox", _NOTIFICATIONS)
DELIVERY = RowId(
    "a delivery",
    "`spapi-router deliveries list` shows them, with --json beside the webhook-id that a receiver sees",
)
AFTER = RowId("a notification in the inbox", _NOTIFICATIONS, least=0)
"""Behind which to go on; 0 is before the first."""
