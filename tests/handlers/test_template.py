import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from handlers.errors import TemplateError
from handlers.filters import shifted
from handlers.template import Structure, Template, render

DOCUMENT: dict[str, Any] = {
    "type": "ORDER_CHANGE",
    "event_time": "2026-01-01T00:00:00.120Z",
    "attributes": {"a.b c": "dotted"},
    "payload": {
        "Order": {"OrderId": "903-1", "Units": 2, "Price": 1.5, "Late": False, "Note": None, "Braces": "{type}"},
        "Items": [{"Sku": "A"}, {"Sku": "B"}],
        "0": "zero",
    },
}


@pytest.mark.parametrize(
    ("source", "value", "text"),
    [
        ("", "", ""),
        ("plain", "plain", "plain"),
        ("{type}", "ORDER_CHANGE", "ORDER_CHANGE"),
        ("id-{payload.Order.OrderId}/{type}", "id-903-1/ORDER_CHANGE", "id-903-1/ORDER_CHANGE"),
        ("{payload.Order.Units}", 2, "2"),
        ("{payload.Order.Price}", 1.5, "1.5"),
        ("{payload.Order.Late}", False, "false"),
        ("n={payload.Order.Units}", "n=2", "n=2"),
        ("{payload.Items}", [{"Sku": "A"}, {"Sku": "B"}], '[{"Sku":"A"},{"Sku":"B"}]'),
        ("{payload.Items.1.Sku}", "B", "B"),
        ("{payload.0}", "zero", "zero"),
        ('{attributes."a.b c"}', "dotted", "dotted"),
        ("{{{type}}}", "{ORDER_CHANGE}", "{ORDER_CHANGE}"),
        ("{{type}}", "{type}", "{type}"),
        ("{payload.Order.Braces}", "{type}", "{type}"),
        ("{seller_id|default=unknown}", "unknown", "unknown"),
        ("{payload.Order.Note|default=none}", "none", "none"),
        ("{seller_id|default=}", "", ""),
        ("{seller_id|default=1.50}", 1.5, "1.50"),
        ("{seller_id|default=007}", "007", "007"),
        ('{seller_id|default="7"}', "7", "7"),
        ('{seller_id|default="a|b}"}', "a|b}", "a|b}"),
        ("{seller_id|default=null}", None, "null"),
        ("{type|default=unknown}", "ORDER_CHANGE", "ORDER_CHANGE"),
        ("{event_time|shift=-24h}", "2025-12-31T00:00:00.120Z", "2025-12-31T00:00:00.120Z"),
        ("{event_time|shift=+1h30m}", "2026-01-01T01:30:00.120Z", "2026-01-01T01:30:00.120Z"),
        ("{since|default=2026-01-01T00:00:00Z|shift=1d}", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("{since|shift=1d|default=now}", "now", "now"),
    ],
)
def test_rendering(source: str, value: Any, text: str) -> None:
    template = Template.parse(source)
    assert template.value(DOCUMENT) == value
    assert type(template.value(DOCUMENT)) is type(value)
    assert template.text(DOCUMENT) == text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{", 'column 1: "{" is never closed'),
        ("ab{type", 'column 3: "{" is never closed'),
        ("{a.", 'column 1: "{" is never closed'),
        ("{a|default=3", 'column 1: "{" is never closed'),
        ("a}", 'column 2: "}" closes nothing: write "}}"'),
        ("{}", 'column 2: a field\'s path stands after "{"'),
        ('{"a": 1}', "column 5"),
        ("{a b}", 'a name with other characters as {a."b c"}'),
        ("{a..b}", "column 4"),
        ("{a|deflt=3}", "did you mean default?"),
        ("{a|upper}", "there are default=VALUE and shift=DURATION"),
        ("{a|shift}", "write |shift=…"),
        ("{a|shift=3}", 'write it like "shift=-24h"'),
        ("{a|shift=99999999999999d}", "shift=99999999999999d"),
        ('{a|default="x}', "is not a JSON string"),
        ('{a."\\q"}', "is not a quoted name"),
    ],
)
def test_what_cannot_be_parsed_names_column_and_cure(source: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(source)
    assert said in str(caught.value)
    assert json.dumps(source) in str(caught.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{payload.Order.orderid}", "payload.Order has no orderid; did you mean OrderId?"),
        ("{payload.Ordr.OrderId}", "payload has no Ordr; did you mean Order?"),
        ("{zzz.a}", "the notification has no zzz; it has type, event_time, attributes, payload"),
        ("{payload.Order.Note}", "payload.Order.Note is null; allow for that with |default=…"),
        ("{payload.Order.Note.x}", "payload.Order.Note is null"),
        ("{payload.Items.2.Sku}", "payload.Items is a list of 2, and 2 is not an index in it"),
        ("{payload.Items.Sku}", "Sku is not an index in it"),
        ("{payload.Order.Units.x}", "payload.Order.Units is a number, which has no fields"),
        ("{payload.Order.Late.x}", "is a truth value"),
        ("{type.0}", "type is a text"),
        ("{type|shift=1h}", 'field type: "ORDER_CHANGE" is not an ISO 8601 time'),
        ("{payload.Order.Units|shift=1h}", "field payload.Order.Units: 2 is not an ISO 8601 time"),
        ("{x|default=0001-01-05T00:00:00Z|shift=-5d}", "outside the years 1 to 9999"),
        ('{attributes."a.b d"}', 'did you mean "a.b c"?'),
    ],
)
def test_what_is_missing_names_path_and_neighbour(source: str, said: str) -> None:
    template = Template.parse(source)
    for render_it in (template.text, template.value):
        with pytest.raises(TemplateError) as caught:
            render_it(DOCUMENT)
        assert said in str(caught.value)


def test_missing_among_very_many_or_very_long_names_is_said_shortly() -> None:
    many = {"payload": {f"name-{number}" * 1000: number for number in range(5000)}}
    with pytest.raises(TemplateError) as caught:
        Template.parse("{payload.x}").text(many)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("kind", ["[]", '{"a":}'])
def test_what_is_nested_too_deep_is_said(kind: str) -> None:
    """A message that SNS signed may be nested so deep that it can be read and not be written."""
    value: Any = None
    for _ in range(2000):
        value = [value] if kind == "[]" else {"a": value}
    with pytest.raises(TemplateError, match="nested too deep"):
        Template.parse("{payload}").text({"payload": value})


def test_fields_and_required() -> None:
    template = Template.parse('{type}/{payload."a b"|default=x}/{payload.c}')
    assert template.fields == (("type",), ("payload", "a b"), ("payload", "c"))
    assert template.required == (("type",), ("payload", "c"))
    assert str(template) == template.source


def test_escape_applies_to_fields_alone() -> None:
    template = Template.parse("https://erp/{id}?q={{}}")
    assert template.text({"id": "../a b"}, lambda text: quote(text, safe="")) == "https://erp/..%2Fa%20b?q={}"


def test_structures_keep_names_and_types() -> None:
    structure = {"{type}": "{type}", "ids": ["{payload.Items.0.Sku}", "{payload.Order.Units}"], "n": 1, "x": None}
    expected = {"{type}": "ORDER_CHANGE", "ids": ["A", 2], "n": 1, "x": None}
    assert render(structure, DOCUMENT) == expected
    parsed = Structure.parse(structure)
    assert parsed.render(DOCUMENT) == expected
    assert parsed.fields == (("type",), ("payload", "Items", "0", "Sku"), ("payload", "Order", "Units"))


def test_structure_names_the_place_of_a_bad_template() -> None:
    with pytest.raises(TemplateError, match=r"^body\.list\[1\]: template"):
        Structure.parse({"body": {"list": ["ok", "{"]}})


def test_as_types_of_a_pydantic_model() -> None:
    class Model(BaseModel):
        model_config = ConfigDict(extra="forbid")
        url: Template
        body: Structure = Structure.parse({})

    model = Model.model_validate({"url": "{type}", "body": {"a": "{type}"}})
    assert model.url.text(DOCUMENT) == "ORDER_CHANGE"
    assert model.body.render(DOCUMENT) == {"a": "ORDER_CHANGE"}
    assert Model.model_validate({"url": model.url, "body": model.body}) == model
    assert Model.model_json_schema()["properties"]["url"]["type"] == "string"
    for wrong in ({"url": "{"}, {"url": 1}, {"url": "", "body": ["}"]}):
        with pytest.raises(ValidationError):
            Model.model_validate(wrong)


@pytest.mark.parametrize(
    ("before", "by", "after"),
    [
        ("2026-03-01T00:00:00Z", timedelta(days=-1), "2026-02-28T00:00:00Z"),
        ("2026-03-01T00:00:00", timedelta(0), "2026-03-01T00:00:00Z"),
        ("2026-03-01", timedelta(hours=1), "2026-03-01T01:00:00Z"),
        ("2026-03-01T01:00:00+02:00", timedelta(0), "2026-02-28T23:00:00Z"),
        ("2026-03-01T00:00:00.1234567Z", timedelta(0), "2026-03-01T00:00:00.123456Z"),
        ("2026-03-01T00:00:00.5Z", timedelta(0), "2026-03-01T00:00:00.5Z"),
        ("2026-03-01T00:00:00Z", timedelta(milliseconds=-500), "2026-02-28T23:59:59.500Z"),
        ("2026-03-01T00:00:00.00Z", timedelta(microseconds=1), "2026-03-01T00:00:00.000001Z"),
    ],
)
def test_shift_keeps_the_form(before: str, by: timedelta, after: str) -> None:
    assert shifted(before, by) == after


MICROSECONDS = st.integers(-(2 * 10**15), 7 * 10**15)
MOMENTS = MICROSECONDS.map(lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds))


@given(MOMENTS, st.integers(-(10**6), 10**6))
def test_shift_is_addition(moment: datetime, seconds: int) -> None:
    written = moment.isoformat().replace("+00:00", "Z")
    moved = shifted(written, timedelta(seconds=seconds))
    assert datetime.fromisoformat(moved) == moment + timedelta(seconds=seconds)
    assert shifted(moved, timedelta(seconds=-seconds)) == written


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))


def paths(value: Any, above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [(above, value)] if above else []
    return found + [pair for name, item in below for pair in paths(item, (*above, str(name)))]


@given(st.dictionaries(NAMES, JSON, min_size=1, max_size=3), NAMES)
def test_every_value_of_a_document_can_be_named(document: dict[str, Any], text: str) -> None:
    braces = text.replace("{", "{{").replace("}", "}}")
    for path, value in paths(document):
        source = "{" + ".".join(json.dumps(part) for part in path) + "}"
        if value is None:
            with pytest.raises(TemplateError):
                Template.parse(source).value(document)
            continue
        assert Template.parse(source).value(document) == value
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        assert Template.parse(braces + source + braces).text(document) == text + shown + text


@given(st.text(alphabet='{}|=."ab \\dshift-1', max_size=20), st.dictionaries(NAMES, JSON, max_size=2))
def test_nothing_raises_but_template_errors(source: str, document: dict[str, Any]) -> None:
    with suppress(TemplateError):
        assert isinstance(Template.parse(source).text(document), str)
