"""The wildcard operator against a regular expression that says the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.rules.wildcard import parse_wildcard

TOKENS = {"*": "(?s:.*)", "a": "a", "b": "b", "é": "é", r"\*": r"\*", r"\\": r"\\", "\n": "\n", ".": r"\."}


@st.composite
def wildcards(draw: st.DrawFn) -> tuple[str, str]:
    """A wildcard and the regular expression for it."""
    tokens = draw(st.lists(st.sampled_from(list(TOKENS)), max_size=7))
    tokens = [token for place, token in enumerate(tokens) if token != "*" or tokens[place - 1 : place] != ["*"]]
    return "".join(tokens), "".join(TOKENS[token] for token in tokens)


@given(wildcards(), st.text(st.sampled_from("ab*\\\n.é"), max_size=8))
def test_accepts_what_the_expression_does(wildcard: tuple[str, str], text: str) -> None:
    source, expression = wildcard
    assert parse_wildcard(source).accepts(text) is (re.fullmatch(expression, text) is not None)


@given(wildcards(), st.lists(st.text(st.sampled_from("ab."), max_size=4), min_size=8, max_size=8))
def test_accepts_what_it_stands_for(wildcard: tuple[str, str], fillings: list[str]) -> None:
    filling = iter(fillings)
    tokens = re.findall(r"\\.|.", wildcard[0], re.DOTALL)
    text = "".join(next(filling) if token == "*" else token[-1] for token in tokens)
    assert parse_wildcard(wildcard[0]).accepts(text)


@given(st.text(st.sampled_from("a*\\"), max_size=12))
def test_every_text_is_read_or_refused(source: str) -> None:
    valid = re.fullmatch(r"(\*(?!\*)|a|\\\*|\\\\)*", source)
    try:
        parts = parse_wildcard(source).parts
    except ValueError as error:
        assert not valid or "too complex" in str(error)  # noqa: PT017 - either outcome may be right
    else:
        assert valid
        assert len(parts) == 1 + re.sub(r"\\.", "", source).count("*")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("a**", r"\*\* at character 2: a single \* already stands for any text"),
        ("ab\\", r"the backslash at character 3 escapes nothing"),
        ("\\n*", r"the backslash at character 1 escapes nothing"),
        ("*:*:*:*:*:event-bus/*", "too complex"),
        ("*aaaaaaaaaaaa", "too complex"),
    ],
)
def test_refusals_name_the_place(source: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_wildcard(source)


@pytest.mark.parametrize(
    "source", ["*.png", "*/lib/*", "arn:aws:events:us-east-1:*:event-bus/*", "*abcdefghijklmnopqrstuvwxyz*", "\\*" * 40]
)
def test_usual_wildcards_are_simple_enough(source: str) -> None:
    parse_wildcard(source)


def test_judging_a_long_wildcard_ends() -> None:
    source = "*".join(f"{number:b}".replace("0", "a").replace("1", "b") for number in range(8, 14)) + "ab" * 3000
    with pytest.raises(ValueError, match="too complex"):
        parse_wildcard(source)
