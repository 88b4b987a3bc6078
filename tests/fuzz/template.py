"""Templates: what a value holds is never read as a template, and what is written in one is taken as it stands.

The oracle renders twice: once with the document's own values, once with opaque marks in their place that are then
replaced. Where a value were evaluated, escaped twice or not at all, the two would differ.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from hypothesis import strategies as st

from handlers.errors import TemplateError
from handlers.template import Structure, Template
from tests.fuzz.target import Target, demand, depth_of, joined, parts_of

_DEEPEST = 40
Render = Callable[[Template, Mapping[str, Any]], str]


class TemplateOracle:
    """Parsing and rendering of templates and of structures of them."""

    def __init__(self, render: Render = Template.text) -> None:
        self._render = render

    def check(self, data: bytes) -> None:
        """`template NUL document`."""
        source, text = parts_of(data, 2)
        document = _document(text)
        try:
            template = Template.parse(source)
        except TemplateError:
            assert "{" in source or "}" in source, f"{source!r} has no field, and was refused"
            return
        assert str(template) == source
        assert set(template.required) <= set(template.fields)
        if not template.fields:
            assert self._render(template, document) == source.replace("{{", "{").replace("}}", "}"), (
                "a text is not itself"
            )
        self._values_are_opaque(template, document)
        self._escapes_fields_alone(template, document)
        self._structure(source, template, document)

    def _values_are_opaque(self, template: Template, document: dict[str, Any]) -> None:
        marks: dict[str, str] = {}
        own = self._fields(template, document)
        by_marks = self._fields(template, _marked(document, marks))
        whole = self._rendered(template, document)
        assert (whole is None) is (own is None), f"{template.source!r} fails only sometimes"
        if own is None or whole is None:
            return
        texts = iter(own)
        parts = template._parts
        expected = "".join(part if isinstance(part, str) else next(texts) for part in parts)
        assert whole == expected, f"{template.source!r} gives {whole!r}, not {expected!r}"
        if "shift" not in template.source and by_marks is not None:
            assert own == [_unmarked(text, marks) for text in by_marks], (
                f"{template.source!r} reads its values: {own!r}"
            )

    @staticmethod
    def _fields(template: Template, document: Mapping[str, Any]) -> list[str] | None:
        """What each field gives, None where one is missing."""
        given: list[str] = []
        try:
            template.text(document, lambda text: given.append(text) or text)  # type: ignore[func-returns-value]
        except TemplateError:
            return None
        return given

    def _escapes_fields_alone(self, template: Template, document: dict[str, Any]) -> None:
        """Escaping leaves no trace of a value, and touches nothing else."""
        try:
            escaped = template.text(document, lambda _: "\x01")
        except TemplateError:
            return
        literal = "".join(part for part in template._parts if isinstance(part, str))
        assert escaped.replace("\x01", "") == literal.replace("\x01", ""), (
            f"{template.source!r} escapes more than fields"
        )
        assert escaped.count("\x01") == len(template.fields) + literal.count("\x01")

    def _structure(self, source: str, template: Template, document: dict[str, Any]) -> None:
        structure = Structure.parse({source: [source, 1]})
        assert structure.fields == template.fields
        try:
            rendered = structure.render(document)
        except TemplateError:
            assert self._failed(template, document), "a structure fails where its template does not"
            return
        assert rendered == {source: [template.value(document), 1]}, "a structure renders something else"

    def _rendered(self, template: Template, document: Mapping[str, Any]) -> str | None:
        """The text, None where a field is missing."""
        try:
            return self._render(template, document)
        except TemplateError as error:
            demand(bool(str(error).strip()), "an error without words")
            return None

    @staticmethod
    def _failed(template: Template, document: Mapping[str, Any]) -> bool:
        try:
            template.value(document)
        except TemplateError:
            return True
        return False


def _document(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except ValueError:
        found = None
    text = text.replace("\ue000", "")
    if isinstance(found, dict) and depth_of(found) < _DEEPEST and "\ue000" not in json.dumps(found, ensure_ascii=False):
        return found
    return {"a": text, "payload": {"b": [text, 1]}}


def _marked(value: Any, marks: dict[str, str]) -> Any:
    """The value with a mark of its own in the place of every text; names stay."""
    if isinstance(value, str):
        mark = f"\ue000{len(marks)}\ue001"
        marks[mark] = value
        return mark
    if isinstance(value, dict):
        return {name: _marked(inner, marks) for name, inner in value.items()}
    return [_marked(inner, marks) for inner in value] if isinstance(value, list) else value


def _unmarked(text: str, marks: Mapping[str, str]) -> str:
    """The text with values in the place of their marks: as they are, or as JSON inside a list or an object."""
    if text in marks:
        return marks[text]
    for mark, value in marks.items():
        text = text.replace(json.dumps(mark, ensure_ascii=False), json.dumps(value, ensure_ascii=False))
    return text


_NAMES = st.sampled_from(["a", "payload", "b", "0", "1", "a b", "$x", "é", "", "{a}"])
_TEXTS = st.sampled_from(
    ["{a}", "{{", "}}", "{payload.b}", "{a|default=x}", "${HOME}", "%(a)s", "{{7*7}}", "\n", '"', "x"]
)
_DOCUMENTS = st.dictionaries(
    _NAMES,
    st.recursive(
        _TEXTS | st.sampled_from([None, True, 1, 2.5]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)
_PIECES = st.sampled_from(
    [
        *(
            "{a}",
            "{payload}",
            "{payload.b}",
            "{payload.b.0}",
            "{payload.0}",
            '{"a b"}',
            '{payload."a b"}',
            "{é}",
            "{$x}",
        ),
        *("{a|default=x}", '{a|default="}"}', "{b|default=null}", "{a|shift=-24h}", "{a|default=2026-01-01|shift=1h}"),
        *("{{", "}}", "{", "}", "|", "=", ".", '"', "\\", " ", "a", "x/y", "é", "{a|default=}", "{a|shift=99999999d}"),
    ]
)
TARGET = Target(
    "template",
    TemplateOracle().check,
    st.builds(
        lambda source, document: joined(source, json.dumps(document)),
        st.lists(_PIECES, max_size=6).map("".join) | st.text(max_size=12),
        _DOCUMENTS,
    ),
    ("{a}", "{payload.b.0}", "|default=", "|shift=-24h", "{{", "}}", '{"a', '"payload":{'),
)
