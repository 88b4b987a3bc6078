"""Where selling partners consent: the Seller Central or Vendor Central of each marketplace, and the consent URL.

Sources: "Seller Central URLs", "Vendor Central URLs" and "Website Authorization Workflow" of Amazon's SP-API guide.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlencode

from handlers.spapi.errors import RegionError
from handlers.spapi.regions import Marketplace, region

_EUROPE = "sellercentral-europe.amazon.com"

SELLER_CENTRAL: Mapping[str, str] = MappingProxyType(
    {
        "US": "sellercentral.amazon.com",
        "CA": "sellercentral.amazon.ca",
        "MX": "sellercentral.amazon.com.mx",
        "BR": "sellercentral.amazon.com.br",
        "UK": _EUROPE,
        "DE": _EUROPE,
        "FR": _EUROPE,
        "IT": _EUROPE,
        "ES": _EUROPE,
        "IE": "sellercentral.amazon.ie",
        "NL": "sellercentral.amazon.nl",
        "BE": "sellercentral.amazon.com.be",
        "SE": "sellercentral.amazon.se",
        "PL": "sellercentral.amazon.pl",
        "TR": "sellercentral.amazon.com.tr",
        "EG": "sellercentral.amazon.eg",
        "IN": "sellercentral.amazon.in",
        "AE": "sellercentral.amazon.ae",
        "SA": "sellercentral.amazon.sa",
        "ZA": "sellercentral.amazon.co.za",
        "JP": "sellercentral.amazon.co.jp",
        "AU": "sellercentral.amazon.com.au",
        "SG": "sellercentral.amazon.sg",
    }
)
"""Hosts of Seller Central by country."""

VENDOR_CENTRAL: Mapping[str, str] = MappingProxyType(
    {
        "US": "vendorcentral.amazon.com",
        "CA": "vendorcentral.amazon.ca",
        "MX": "vendorcentral.amazon.com.mx",
        "BR": "vendorcentral.amazon.com.br",
        "UK": "vendorcentral.amazon.co.uk",
        "DE": "vendorcentral.amazon.de",
        "FR": "vendorcentral.amazon.fr",
        "IT": "vendorcentral.amazon.it",
        "ES": "vendorcentral.amazon.es",
        "NL": "vendorcentral.amazon.nl",
        "BE": "vendorcentral.amazon.com.be",
        "SE": "vendorcentral.amazon.se",
        "PL": "vendorcentral.amazon.pl",
        "TR": "vendorcentral.amazon.com.tr",
        "EG": "vendorcentral.amazon.me",
        "IN": "www.vendorcentral.in",
        "AE": "vendorcentral.amazon.me",
        "SA": "vendorcentral.amazon.me",
        "ZA": "vendorcentral.amazon.co.za",
        "JP": "vendorcentral.amazon.co.jp",
        "AU": "vendorcentral.amazon.com.au",
        "SG": "vendorcentral.amazon.com.sg",
    }
)
"""Hosts of Vendor Central by country."""

_SELLERS_OF = {"na": SELLER_CENTRAL["US"], "eu": _EUROPE}
_VENDORS_OF = {"na": VENDOR_CENTRAL["US"]}


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """What a consent URL carries. `redirect_uri` is empty where Amazon shall take the one that is registered."""

    application_id: str
    state: str
    redirect_uri: str = ""
    draft: bool = False
    """Whether the application is not published yet: Amazon then wants `version=beta`, and says MD1000 without it."""

    def url(self, base: str) -> str:
        """The consent URL at a Seller or Vendor Central, given as `https://HOST`."""
        fields = {"application_id": self.application_id, "state": self.state}
        if self.redirect_uri:
            fields["redirect_uri"] = self.redirect_uri
        if self.draft:
            fields["version"] = "beta"
        return f"{base.rstrip('/')}/apps/authorize/consent?{urlencode(fields)}"


def central_of(marketplace: Marketplace, *, vendor: bool) -> str:
    """The Seller Central, or Vendor Central, of a marketplace, as `https://HOST`. Raises RegionError."""
    hosts = VENDOR_CENTRAL if vendor else SELLER_CENTRAL
    if marketplace.country not in hosts:
        raise RegionError(f"there is no Vendor Central in {marketplace.country}: name another marketplace")
    return f"https://{hosts[marketplace.country]}"


def central_of_region(name: str, *, vendor: bool) -> str:
    """The Central that serves a whole region, as `https://HOST`. Raises RegionError where each country has its own."""
    host = (_VENDORS_OF if vendor else _SELLERS_OF).get(region(name).name)
    if host is None:
        kind = "Vendor" if vendor else "Seller"
        raise RegionError(f"each country of region {name} has a {kind} Central of its own: name the marketplace")
    return f"https://{host}"
