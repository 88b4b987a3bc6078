"""A handler of one's own: keep the newest Buy Box price of each ASIN in a table that a repricer can read."""

import asyncio
import sqlite3
from collections.abc import Mapping
from typing import Any, ClassVar

from handlers.base import (
    Dead,
    Delivery,
    Done,
    Handler,
    HandlerSettings,
    Outcome,
    PositiveDuration,
    RelativePath,
    Request,
    Retry,
    Template,
)

_TABLE = """
CREATE TABLE IF NOT EXISTS prices (
    marketplace TEXT NOT NULL, asin TEXT NOT NULL, amount REAL NOT NULL, currency TEXT NOT NULL, since REAL NOT NULL,
    PRIMARY KEY (marketplace, asin)
)
"""
_KEEP_NEWEST = """
INSERT INTO prices VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET amount = excluded.amount, currency = excluded.currency, since = excluded.since
WHERE excluded.since > prices.since
"""


class PriceSettings(HandlerSettings):
    """The keys of the handler in rules.toml; `check` speaks of these when one is wrong."""

    database: RelativePath
    asin: Template
    condition: str = "new"
    patience: PositiveDuration = 2.0
    """How long to wait for others who write to the table."""


class PriceTable(Handler[PriceSettings]):
    """Done when the row is on disk, so a delivery that is repeated changes nothing."""

    Settings: ClassVar = PriceSettings
    _connection: sqlite3.Connection

    async def start(self) -> None:
        """What this raises stops the daemon at its start, or keeps a reload from being taken in."""
        settings = self.settings
        self._connection = sqlite3.connect(settings.database, settings.patience, check_same_thread=False)
        self._connection.execute(_TABLE)
        self._turn = asyncio.Lock()

    async def handle(self, delivery: Delivery) -> Outcome:
        row = self._row(delivery)
        if row is None:
            return Dead(f"there is no Buy Box price for condition {self.settings.condition!r}")
        try:
            async with self._turn:
                await asyncio.to_thread(self._write, row)
        except sqlite3.OperationalError as error:
            return Retry(f"{self.settings.database}: {error}")
        self.context.log.debug("price_kept", extra={"facts": {"asin": row[1], "amount": row[2]}})
        return Done(detail=f"{row[1]}: {row[2]} {row[3]}")

    def preview(self, delivery: Delivery) -> list[Request]:
        """What `spapi-router explain` shows; it writes nothing."""
        return [Request(f"write {self._row(delivery)} to {self.settings.database}")]

    async def close(self) -> None:
        self._connection.close()

    def _row(self, delivery: Delivery) -> tuple[str, str, float, str, float] | None:
        """A template whose field is missing raises TemplateError, which makes the delivery dead with that text."""
        asin = self.settings.asin.text(delivery.document)
        price = self._price(delivery.document["payload"]["AnyOfferChangedNotification"])
        if price is None:
            return None
        marketplace = delivery.document.get("marketplace_id", "")
        return marketplace, asin, price["Amount"], price["CurrencyCode"], delivery.event_time

    def _price(self, change: Mapping[str, Any]) -> Mapping[str, Any] | None:
        prices = change["Summary"].get("BuyBoxPrices", [])
        return next((price["LandedPrice"] for price in prices if price["Condition"] == self.settings.condition), None)

    def _write(self, row: tuple[str, str, float, str, float]) -> None:
        with self._connection:
            self._connection.execute(_KEEP_NEWEST, row)
