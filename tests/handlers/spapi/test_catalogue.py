"""Every operation is there, and is found by the names people use."""

import json
from collections import Counter
from pathlib import Path

import pytest

from handlers.spapi.catalogue import Catalogue
from handlers.spapi.errors import CatalogueError


def test_the_package_carries_the_published_catalogue(catalogue: Catalogue, shared: Path) -> None:
    published = json.loads((shared / "spapi" / "operations.json").read_bytes())
    assert len(catalogue) == len(published) == 370
    for operation, record in zip(catalogue, published, strict=True):
        assert (operation.method, operation.path) == (record["method"], record["path"])
        assert operation.scope == record.get("grantless_scope")
        assert (operation.rate, operation.burst) == (record.get("rate"), record.get("burst"))
        assert operation.deprecated is record.get("deprecated", False)


def test_full_names_are_unique_and_find_their_operation(catalogue: Catalogue) -> None:
    assert [name for name, count in Counter(item.full_name for item in catalogue).items() if count > 1] == []
    assert all(catalogue.find(item.full_name) is item for item in catalogue)


@pytest.mark.parametrize(
    ("name", "full_name"),
    [
        ("orders.2026-01-01.getOrder", "orders.2026-01-01.getOrder"),
        ("orders.v0.getOrder", "orders.v0.getOrder"),
        ("orders.getOrder", "orders.2026-01-01.getOrder"),
        ("orders.getOrders", "orders.v0.getOrders"),
        ("createReport", "reports.2021-06-30.createReport"),
        ("shipping.v2.linkCarrierAccount:POST", "shipping.v2.linkCarrierAccount:POST"),
    ],
)
def test_names_in_full_and_in_short(catalogue: Catalogue, name: str, full_name: str) -> None:
    assert catalogue.find(name).full_name == full_name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("getOrder", "write one of fulfillment-outbound.2026-07-04.getOrder, orders.2026-01-01.getOrder"),
        ("catalog.getCatalogItem", "catalog.2020-12-01.getCatalogItem, catalog.2022-04-01.getCatalogItem"),
        ("linkCarrierAccount", "linkCarrierAccount:PUT, shipping.v2.linkCarrierAccount:POST"),
        ("orders.2026-01-01.getOrdr", "did you mean 'orders.2026-01-01.getOrder'?"),
        ("CREATEREPORT", "did you mean 'createReport'?"),
        ("orders.2025-01-01.getOrder", "did you mean 'orders.2026-01-01.getOrder'?"),
        ("", "operations list"),
        ("zzzzzzzz", "operations list"),
    ],
)
def test_names_that_do_not_do(catalogue: Catalogue, name: str, said: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        catalogue.find(name)
    assert said in str(caught.value)


def test_operations_of_an_api(catalogue: Catalogue) -> None:
    assert {item.api for item in catalogue.of_api("orders")} == {"orders"}
    assert {item.version for item in catalogue.of_api("orders.v0")} == {"v0"}
    with pytest.raises(CatalogueError, match="did you mean 'orders'"):
        catalogue.of_api("order")


def test_an_operation_without_a_published_plan_starts_carefully(catalogue: Catalogue) -> None:
    assert catalogue.find("getShipmentTracking").plan == (1.0, 1)
    assert catalogue.find("orders.getOrder").plan == (0.5, 30)
