from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import TemplateError
from handlers.target import Target


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("https://erp.example.com", "https://erp.example.com/"),
        ("HTTPS://ERP.example.com:443/a", "https://erp.example.com/a"),
        ("http://erp.example.com:8080?x=1", "http://erp.example.com:8080/?x=1"),
        ("https://bücher.example/a%2Fb", "https://xn--bcher-kva.example/a%2Fb"),
        ("http://[2606:4700::1111]:8080/a", "http://[2606:4700::1111]:8080/a"),
        ("https://erp.example.com/a?b=c?d&e=/", "https://erp.example.com/a?b=c?d&e=/"),
        ("https://erp.example.com/a..b/...", "https://erp.example.com/a..b/..."),
    ],
)
def test_a_url_without_templates_is_made_once(source: str, url: str) -> None:
    target = Target.parse(source)
    assert target.fixed
    assert str(target.url({})) == url
    assert target.url({}) is target.url({})


def test_a_question_mark_in_a_filter_does_not_begin_the_query() -> None:
    target = Target.parse("https://erp.example.com/{a|default=what?}/b?c={d}")
    assert str(target.url({"d": 1})) == "https://erp.example.com/what%3F/b?c=1"


def test_a_value_of_another_type_is_sent_as_json() -> None:
    target = Target.parse("https://erp.example.com/?a={a}")
    assert str(target.url({"a": {"b": [True, None]}})) == "https://erp.example.com/?a=%7B%22b%22%3A%5Btrue%2Cnull%5D%7D"


def test_an_empty_value_may_stand_in_the_query() -> None:
    assert str(Target.parse("https://a.example.com/?a={a}").url({"a": ""})) == "https://a.example.com/?a="


def test_two_values_cannot_make_a_step_together() -> None:
    with pytest.raises(TemplateError, match="step to another directory"):
        Target.parse("https://a.example.com/{a}{a}/b").url({"a": "."})


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
def test_no_value_leaves_its_place(segment: str, parameter: str) -> None:
    target = Target.parse("https://erp.example.com/orders/{a}/ship?b={b}&c=1")
    if segment in {".", ".."}:
        return
    url = target.url({"a": segment, "b": parameter})
    assert (url.scheme, url.host, url.fragment) == ("https", "erp.example.com", "")
    assert [unquote(part) for part in url.raw_path.split("/")] == ["", "orders", segment, "ship"]
    assert parse_qs(url.raw_query_string, keep_blank_values=True) == {"b": [parameter], "c": ["1"]}


@given(st.text(max_size=60))
def test_no_text_raises_but_value_error(source: str) -> None:
    for text in (source, f"https://{source}", f"https://a.example.com/{source}"):
        try:
            Target.parse(text)
        except ValueError:
            continue
