"""Where sellers and vendors consent, and what the consent URL carries."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from handlers.spapi.central import (
    SELLER_CENTRAL,
    VENDOR_CENTRAL,
    ConsentRequest,
    central_of,
    central_of_region,
)
from handlers.spapi.errors import RegionError
from handlers.spapi.regions import MARKETPLACES, marketplace


def test_every_marketplace_has_a_seller_central_and_all_but_ireland_a_vendor_central() -> None:
    countries = {item.country for item in MARKETPLACES.values()}
    assert SELLER_CENTRAL.keys() == countries
    assert countries - VENDOR_CENTRAL.keys() == {"IE"}


@pytest.mark.parametrize(
    ("country", "vendor", "base"),
    [
        ("US", False, "https://sellercentral.amazon.com"),
        ("DE", False, "https://sellercentral-europe.amazon.com"),
        ("gb", False, "https://sellercentral-europe.amazon.com"),
        ("A1C3SOZRARQ6R3", False, "https://sellercentral.amazon.pl"),
        ("DE", True, "https://vendorcentral.amazon.de"),
        ("SA", True, "https://vendorcentral.amazon.me"),
        ("IN", True, "https://www.vendorcentral.in"),
    ],
)
def test_the_central_of_a_marketplace(country: str, vendor: bool, base: str) -> None:
    assert central_of(marketplace(country), vendor=vendor) == base


def test_the_central_of_a_region_where_there_is_one() -> None:
    assert central_of_region("na", vendor=False) == "https://sellercentral.amazon.com"
    assert central_of_region("eu", vendor=False) == "https://sellercentral-europe.amazon.com"
    assert central_of_region("na", vendor=True) == "https://vendorcentral.amazon.com"
    with pytest.raises(RegionError, match="region fe has a Seller Central of its own: name the marketplace"):
        central_of_region("fe", vendor=False)
    with pytest.raises(RegionError, match="region eu has a Vendor Central of its own"):
        central_of_region("eu", vendor=True)
    with pytest.raises(RegionError, match="there is no region 'moon'"):
        central_of_region("moon", vendor=False)
    with pytest.raises(RegionError, match="no Vendor Central in IE"):
        central_of(marketplace("IE"), vendor=True)


def fields(request: ConsentRequest) -> dict[str, str]:
    parts = urlsplit(request.url("https://sellercentral.amazon.com"))
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "sellercentral.amazon.com", "/apps/authorize/consent")
    return dict(parse_qsl(parts.query))


def test_the_consent_url() -> None:
    assert fields(ConsentRequest("amzn1.sp.solution.x", "s&t=1")) == {
        "application_id": "amzn1.sp.solution.x",
        "state": "s&t=1",
    }
    assert fields(ConsentRequest("a", "s", "https://r.example.com/c?", draft=True)) == {
        "application_id": "a",
        "state": "s",
        "redirect_uri": "https://r.example.com/c?",
        "version": "beta",
    }
