"""What the stand-in knows of one seller."""

import zlib
from dataclasses import dataclass, field
from typing import Any

MARKETPLACE_OF = {"na": "ATVPDKIKX0DER", "eu": "A1PA6795UKMFR9", "fe": "A1VC38T7YXB528"}
"""The marketplace that a shop's orders come from, by region."""
CURRENCY_OF = {"na": "USD", "eu": "EUR", "fe": "JPY"}


@dataclass(slots=True)
class Listing:
    """A product for sale."""

    sku: str
    asin: str
    product_type: str
    attributes: dict[str, Any]
    quantity: int
    """What Amazon stocks of it; also offered where no other quantity was set."""
    updated: float
    quantities: dict[str, int] = field(default_factory=dict)
    """What the seller offers from stock of its own, by marketplace."""
    refusals: dict[str, str] = field(default_factory=dict)
    """Marketplaces that take no patch of it, each with what Amazon says."""

    def quantity_in(self, marketplace_id: str) -> int:
        """What a marketplace offers."""
        return self.quantities.get(marketplace_id, self.quantity)


@dataclass(slots=True)
class Work:
    """A report or a feed that is being worked on."""

    id: str
    kind: str
    body: dict[str, Any]
    created: float
    document_id: str
    cancelled: bool = False

    def progress(self, now: float, takes: float) -> float:
        """0 at its start, 1 when it is done."""
        return 1.0 if takes <= 0 else min(1.0, (now - self.created) / takes)


@dataclass(slots=True)
class Shop:
    """One seller's account and all that calls have changed in it."""

    seller_id: str
    region: str
    opened: float
    order_count: int
    listings: dict[str, Listing] = field(default_factory=dict)
    shipped: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Confirmed shipments by order and packageReferenceId."""
    reports: dict[str, Work] = field(default_factory=dict)
    feeds: dict[str, Work] = field(default_factory=dict)
    queries: dict[str, Work] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)
    """Documents that were announced for feeds."""
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    inbound_plans: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def marketplace_id(self) -> str:
        """The marketplace of its orders."""
        return MARKETPLACE_OF[self.region]

    @property
    def currency(self) -> str:
        """The currency of its prices."""
        return CURRENCY_OF[self.region]

    @property
    def digits(self) -> str:
        """Seven digits that its order ids have in common."""
        return f"{zlib.crc32(self.seller_id.encode()) % 10**7:07d}"

    def stock(self, skus: int) -> None:
        """Put the products in."""
        for number in range(1, skus + 1):
            sku = f"SKU-{number:04d}"
            name = [{"value": f"Product {number}", "marketplace_id": self.marketplace_id}]
            self.listings[sku] = Listing(
                sku, f"B0{number:08d}", "PRODUCT", {"item_name": name}, number % 40, self.opened
            )


@dataclass(slots=True)
class World:
    """All that the stand-in remembers."""

    shops: dict[str, Shop]
    destinations: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: int = 0

    def number(self) -> str:
        """An id that was not there before."""
        self.made += 1
        return str(54_517_000_000 + self.made)
