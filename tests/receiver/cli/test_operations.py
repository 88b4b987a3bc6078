"""The catalogue on the command line."""

import json

import pytest
from click.testing import CliRunner, Result

from handlers.errors import HandlerError
from receiver.cli import cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["operations", *arguments])


def test_every_operation_is_listed_one_a_line() -> None:
    result = run("list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["OPERATION", "METHOD", "PATH", "RATE", "BURST", "NOTE"]
    assert len(lines) == 371
    assert any(line.split()[0] == "notifications.v1.getDestinations" and line.endswith("grantless") for line in lines)


def test_operations_are_found_by_a_word_of_their_name_or_path() -> None:
    names = [line.split()[0] for line in run("list", "ITEMOFFERS").stdout.splitlines()[1:]]
    assert names == ["products-pricing.v0.getItemOffers", "batches-products-pricing.v0.getItemOffersBatch"]
    assert run("list", "/tokens/2021").stdout.count("\n") == 2
    assert "no operation has 'nothing' in its name or path" in run("list", "nothing").output


def test_the_operations_of_an_api_as_json() -> None:
    records = [json.loads(line) for line in run("list", "--api", "orders.2026-01-01", "--json").stdout.splitlines()]
    assert [record["operation"] for record in records] == [
        "orders.2026-01-01.searchOrders",
        "orders.2026-01-01.getOrder",
    ]
    assert records[1]["parameters"][0] == {"name": "orderId", "in": "path", "required": True, "array": None}
    assert (records[1]["rate"], records[1]["burst"], records[1]["deprecated"]) == (0.5, 30, False)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("orders.v0.getOrders", ["GET /orders/v0/orders", "0.0167 calls a second (1 a minute), 20 at once", "remove"]),
        ("getDestinations", ["grantless, scope sellingpartnerapi::notifications", "body       none"]),
        ("createReport", ["body       JSON", "the account's"]),
        ("getShipmentTracking", ["1 calls a second, 1 at once; Amazon publishes none"]),
        ("listPrepDetails", ["several: repeat NAME=VALUE"]),
    ],
)
def test_one_operation_with_all_there_is_to_know(name: str, said: list[str]) -> None:
    result = run("show", name)
    assert result.exit_code == 0
    for text in said:
        assert text in result.stdout


def test_required_parameters_come_first() -> None:
    lines = run("show", "orders.v0.getOrders").stdout.splitlines()
    table = lines[lines.index("") + 1 :]
    assert table[1].split()[:3] == ["MarketplaceIds", "query", "yes"]
    assert {line.split()[2] for line in table[2:]} == {"no"}


def test_one_operation_as_json() -> None:
    assert json.loads(run("show", "orders.getOrder", "--json").stdout)["operation"] == "orders.2026-01-01.getOrder"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "getordr"), "did you mean 'getOrder'"),
        (("list", "--api", "order"), "did you mean 'orders'"),
    ],
)
def test_a_name_that_is_not_there(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, HandlerError)
    assert said in str(result.exception)
