"""SP-API's regions, their endpoints and marketplaces.

Source: "SP-API endpoints" and "Marketplace IDs" of Amazon's SP-API guide.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from handlers.spapi.errors import RegionError


@dataclass(frozen=True, slots=True)
class Region:
    """A selling region."""

    name: str
    host: str
    aws_region: str
    """The AWS region whose name a SigV4 signature carries."""


@dataclass(frozen=True, slots=True)
class Marketplace:
    """A country's marketplace."""

    country: str
    id: str
    region: str


REGIONS: Mapping[str, Region] = MappingProxyType(
    {
        "na": Region("na", "sellingpartnerapi-na.amazon.com", "us-east-1"),
        "eu": Region("eu", "sellingpartnerapi-eu.amazon.com", "eu-west-1"),
        "fe": Region("fe", "sellingpartnerapi-fe.amazon.com", "us-west-2"),
    }
)

_IDS = {
    "na": "US ATVPDKIKX0DER, CA A2EUQ1WTGCTBG2, MX A1AM78C64UM0Y8, BR A2Q3Y263D00KWC",
    "eu": (
        "UK A1F83G8C2ARO7P, IE A28R8C7NBKEWEA, DE A1PA6795UKMFR9, FR A13V1IB3VIYZZH, IT APJ6JRA9NG5V4, "
        "ES A1RKKUPIHCS9HS, NL A1805IZSGTT6HS, BE AMEN7PMS3EDWL, SE A2NODRKZP88ZB9, PL A1C3SOZRARQ6R3, "
        "TR A33AVAJ2PDY3EV, EG ARBP9OOSHTCHU, IN A21TJRUUN4KGV, AE A2VIGQ35RCS4UG, SA A17E79C6D8DWNP, "
        "ZA AE08WJ6YKNBMC"
    ),
    "fe": "JP A1VC38T7YXB528, AU A39IBJ37TRP1C6, SG A19VAU5U5O7RUS",
}

MARKETPLACES: Mapping[str, Marketplace] = MappingProxyType(
    {
        marketplace_id: Marketplace(country, marketplace_id, region)
        for region, listed in _IDS.items()
        for country, marketplace_id in (entry.split() for entry in listed.split(", "))
    }
)
"""Marketplaces by id."""

LWA_ENDPOINT = "https://api.amazon.com/auth/o2/token"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where requests go: Amazon's endpoints, its sandbox, or a stand-in's named by an override."""

    sandbox: bool = False
    lwa: str = LWA_ENDPOINT
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Base URLs by region name, in place of Amazon's."""

    def base(self, region_name: str) -> str:
        """The base URL of a region, without a slash at its end. Raises RegionError."""
        found = region(region_name)
        if found.name in self.overrides:
            return _checked(self.overrides[found.name]).rstrip("/")
        return f"https://{'sandbox.' if self.sandbox else ''}{found.host}"


def region(name: str) -> Region:
    """The region of a name. Raises RegionError."""
    if name in REGIONS:
        return REGIONS[name]
    raise RegionError(f"there is no region {name!r}: use one of {', '.join(REGIONS)}")


def marketplace(name: str) -> Marketplace:
    """The marketplace of an id or of a country code such as `DE` (`GB` is `UK`). Raises RegionError."""
    if name in MARKETPLACES:
        return MARKETPLACES[name]
    country = "UK" if name.upper() == "GB" else name.upper()
    for candidate in MARKETPLACES.values():
        if candidate.country == country:
            return candidate
    raise RegionError(f"there is no marketplace {name!r}: use a marketplace id or one of {_countries()}")


def check_region(region_name: str, marketplace_ids: Iterable[str]) -> None:
    """Raise RegionError for the first known marketplace id that does not belong to the region.

    An id that is not known is left for Amazon to judge: new marketplaces come.
    """
    for marketplace_id in marketplace_ids:
        found = MARKETPLACES.get(marketplace_id)
        if found is not None and found.region != region_name:
            raise RegionError(
                f"marketplace {found.id} ({found.country}) belongs to region {found.region}, but the account is of "
                f"region {region_name}: call with an account of region {found.region}"
            )


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme in {"http", "https"} and parts.hostname and not (parts.query or parts.fragment):
        return url
    raise RegionError(f"{url!r} is no endpoint: write http:// or https://, a host, and a port where it needs one")


def _countries() -> str:
    return ", ".join(item.country for item in MARKETPLACES.values())
