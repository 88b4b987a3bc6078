"""Requests are built as the catalogue says, and what does not fit is named."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.spapi.catalogue import Catalogue
from handlers.spapi.errors import CatalogueError
from handlers.spapi.operation import Operation, Parameter
from handlers.spapi.request import build

CATALOGUE = Catalogue.load()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
PROBE = Operation(
    "probe",
    "v1",
    "probe",
    "GET",
    "/probe/{id}/end",
    "probe.v1.probe",
    (
        Parameter("id", "path", required=True),
        Parameter("one", "query"),
        Parameter("csv", "query", array="csv"),
        Parameter("multi", "query", array="multi"),
        Parameter("x-head", "header"),
    ),
)


def test_path_query_arrays_headers_and_body() -> None:
    operation = CATALOGUE.find("fba-inventory.addInventory")
    parts = build(operation, {"x-amzn-idempotency-token": "t-1"}, {"a": 1})
    assert (parts.method, parts.headers) == ("POST", (("x-amzn-idempotency-token", "t-1"),))
    assert parts.content == b'{"a":1}'
    listed = build(PROBE, {"id": "a/b ü", "csv": ["1", "2"], "multi": ["x", "y&z"], "one": True})
    assert listed.path == "/probe/a%2Fb%20%C3%BC/end"
    assert listed.query == (("one", "true"), ("csv", "1,2"), ("multi", "x"), ("multi", "y&z"))
    assert listed.target == "/probe/a%2Fb%20%C3%BC/end?one=true&csv=1%2C2&multi=x&multi=y%26z"


@given(identity=TEXT, one=TEXT, values=st.lists(TEXT, min_size=1, max_size=4))
def test_what_goes_in_comes_out_again(identity: str, one: str, values: list[str]) -> None:
    if identity in {".", ".."}:
        return
    target = build(PROBE, {"id": identity, "one": one, "multi": values}).target
    parts = urlsplit(target)
    assert target.isascii()
    assert target.isprintable()
    assert [unquote(part) for part in parts.path.split("/")] == ["", "probe", identity, "end"]
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    assert pairs == [("one", one), *(("multi", value) for value in values)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (1.5, "1.5"),
        (False, "false"),
        (date(2026, 3, 1), "2026-03-01"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00Z"),
        (datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2))), "2026-03-01T10:00:00Z"),
        ("", ""),
    ],
)
def test_values_are_written_as_amazon_reads_them(value: Any, text: str) -> None:
    assert build(PROBE, {"id": "1", "one": value}).query == (("one", text),)


def test_what_is_none_or_an_empty_list_is_not_given() -> None:
    assert build(PROBE, {"id": "1", "one": None, "csv": [], "multi": ()}).target == "/probe/1/end"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"ID": "1"}, "probe.v1.probe has no parameter 'ID': did you mean 'id'?"),
        ({"id": "1", "zzz": 1}, "it takes id, one, csv, multi, x-head"),
        ({}, "probe.v1.probe needs the parameter id"),
        ({"id": None}, "needs the parameter id"),
        ({"id": ".."}, "id cannot be '..'"),
        ({"id": ""}, "id cannot be ''"),
        ({"id": ["1"]}, "id takes one value, not a list"),
        ({"id": {"a": 1}}, "not dict"),
        ({"id": b"1"}, "not bytes"),
        ({"id": "1", "multi": [None]}, "not NoneType"),
        ({"id": "1", "x-head": "a\r\nb: c"}, "x-head is a header"),
        ({"id": "1", "one": datetime(2026, 1, 1)}, "needs a time with its time zone"),  # noqa: DTZ001
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        build(PROBE, arguments)
    assert said in str(caught.value)


def test_bodies_that_do_not_fit() -> None:
    report = CATALOGUE.find("createReport")
    with pytest.raises(CatalogueError, match="needs a body"):
        build(report, {})
    with pytest.raises(CatalogueError, match="takes no body"):
        build(PROBE, {"id": "1"}, {})
    with pytest.raises(CatalogueError, match="the body is not JSON"):
        build(report, {}, {"a": object()})
    assert build(report, {}, b"{}").content == b"{}"
    assert build(report, {}, {}).content == b"{}"


def test_every_operation_builds_from_its_required_parameters() -> None:
    for operation in CATALOGUE:
        arguments = {item.name: "v" for item in operation.parameters if item.required}
        parts = build(operation, arguments, {} if operation.takes_body else None)
        assert "{" not in parts.path
        named = {name for name, _value in (*parts.query, *parts.headers)}
        in_path = {item.name for item in operation.parameters if item.place == "path"}
        assert named == set(arguments) - in_path
