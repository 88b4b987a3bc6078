"""Endpoints, marketplaces, and which belongs to which region."""

import pytest

from handlers.spapi.errors import RegionError
from handlers.spapi.regions import MARKETPLACES, REGIONS, Endpoints, check_region, marketplace, region


def test_endpoints_of_production_sandbox_and_stand_in() -> None:
    assert Endpoints().base("na") == "https://sellingpartnerapi-na.amazon.com"
    assert Endpoints(sandbox=True).base("fe") == "https://sandbox.sellingpartnerapi-fe.amazon.com"
    stand_in = Endpoints(sandbox=True, overrides={"eu": "http://127.0.0.1:4000/"})
    assert stand_in.base("eu") == "http://127.0.0.1:4000"
    assert stand_in.base("na") == "https://sandbox.sellingpartnerapi-na.amazon.com"


def test_an_endpoint_that_is_no_url() -> None:
    with pytest.raises(RegionError, match="'ftp://h' is no endpoint"):
        Endpoints(overrides={"eu": "ftp://h"}).base("eu")


def test_marketplaces_by_id_and_country() -> None:
    assert len(MARKETPLACES) == 23
    assert {item.region for item in MARKETPLACES.values()} == set(REGIONS)
    assert marketplace("A1PA6795UKMFR9").country == "DE"
    assert marketplace("de").id == "A1PA6795UKMFR9"
    assert marketplace("GB") == marketplace("UK")
    with pytest.raises(RegionError, match="no marketplace 'XX'"):
        marketplace("XX")


def test_a_marketplace_of_another_region_says_whose_it_is() -> None:
    check_region("eu", ["A1PA6795UKMFR9", "A-NEW-ONE"])
    with pytest.raises(RegionError, match=r"A1VC38T7YXB528 \(JP\) belongs to region fe.*an account of region fe"):
        check_region("eu", ["A1PA6795UKMFR9", "A1VC38T7YXB528"])


def test_an_unknown_region() -> None:
    assert region("eu").aws_region == "eu-west-1"
    with pytest.raises(RegionError, match="use one of na, eu, fe"):
        region("us")
