import json
from pathlib import Path
from typing import Any

import pytest

from receiver.config.catalogue import Tree, UnknownField, catalogue, field_tree, merged
from receiver.notification import normal_type

EXAMPLES = Path(__file__).parents[3] / "../shared/data/spapi/notifications"
BY_SCHEMA = {"FBA_INVENTORY_AVAILABILITY_CHANGES"}
"""Types without an example, whose fields are those of their schema."""
ORDER = ("OrderChangeNotification", "Summary")


def test_the_fields_are_those_of_the_examples() -> None:
    trees: dict[str, list[Tree]] = {}
    for path in sorted(EXAMPLES.glob("*.json")):
        message = {name[0].lower() + name[1:]: value for name, value in json.loads(path.read_text()).items()}
        trees.setdefault(normal_type(message["notificationType"]), []).append(field_tree(message["payload"]))
    assert trees
    known = catalogue().payloads
    assert {name: known[name] for name in trees} == {name: merged(found) for name, found in trees.items()}
    assert known.keys() - trees.keys() == BY_SCHEMA


def test_every_type_with_fields_is_known() -> None:
    known = catalogue()
    assert known.payloads.keys() <= known.types
    assert all(name == normal_type(name) for name in known.types)


@pytest.mark.parametrize(
    ("path", "types", "unknown"),
    [
        ((*ORDER, "OrderStatus"), ["ORDER_CHANGE"], None),
        ((*ORDER, "OrderItems", "SellerSKU"), ["ORDER_CHANGE"], None),
        ((*ORDER, "OrderStatuss"), ["ORDER_CHANGE"], (*ORDER, "OrderStatuss")),
        (("Summary",), ["ORDER_CHANGE"], ("Summary",)),
        ((*ORDER, "OrderStatus", "x"), ["ORDER_CHANGE"], (*ORDER, "OrderStatus", "x")),
        ((*ORDER, "OrderStatus"), ["ORDER_CHANGE", "ANY_OFFER_CHANGED"], None),
        ((*ORDER, "Nope"), ["ORDER_CHANGE", "ANY_OFFER_CHANGED"], (*ORDER, "Nope")),
        (("reportProcessingFinishedNotification", "reportId"), None, None),
        (("Summary",), None, None),
        (("Nope",), None, ("Nope",)),
        (("Nope",), ["PRICING_HEALTH"], ("Nope",)),
        (("Summary",), ["PRICING_HEALTH"], None),
        (("amazonOrderId",), ["PRICING_HEALTH"], None),
        (("AmazonOrderID",), ["PRICING_HEALTH"], ("AmazonOrderID",)),
        (("SKU",), ["FBA_INVENTORY_AVAILABILITY_CHANGES"], None),
        (("Sku",), ["FBA_INVENTORY_AVAILABILITY_CHANGES"], ("Sku",)),
        ((), ["ORDER_CHANGE"], None),
    ],
)
def test_where_a_path_leaves_what_is_known(path: Any, types: Any, unknown: Any) -> None:
    fault = catalogue().unknown(path, types)
    assert (fault and fault.path) == unknown


def test_siblings_are_those_beside_the_unknown_name() -> None:
    fault = catalogue().unknown((*ORDER, "Nope"), ["ORDER_CHANGE"])
    assert isinstance(fault, UnknownField)
    assert "OrderStatus" in fault.siblings
    assert "SellerId" not in fault.siblings


def test_trees() -> None:
    assert field_tree({"a": [{"b": 1}, {"c": None}], "d": [], "e": ["x"], "f": True}) == {
        "a": {"b": None, "c": {}},
        "d": {},
        "e": None,
        "f": None,
    }
    assert merged([None, {"a": None}]) == {"a": None}
    assert merged([]) == {}
