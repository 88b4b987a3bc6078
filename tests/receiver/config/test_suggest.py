import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.config.suggest import did_you_mean, nearest

KNOWN = ["listen", "trusted_proxies", "max_body", "OrderStatus", "archive", "archivist"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("lissten", "listen"),
        ("LISTEN", "listen"),
        ("max-body", "max_body"),
        ("trusted proxies", "trusted_proxies"),
        ("orderstatus", "OrderStatus"),
        ("trust", "trusted_proxies"),
        ("archiv", "archive"),
        ("zzz", None),
        ("", None),
    ],
)
def test_nearest(name: str, near: str | None) -> None:
    assert nearest(name, KNOWN) == near


def test_without_a_near_name_some_are_listed() -> None:
    assert did_you_mean("lisen", KNOWN) == 'did you mean "listen"?'
    assert did_you_mean("zzz", ["a", "b"], "the keys are") == "the keys are: a, b"
    assert did_you_mean("zzz", map(str, range(30)), "there are").endswith("10, 11, …")
    assert did_you_mean("zzz", [], "known here") == "nothing is known here"


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=20))
def test_suggests_only_what_is_known(name: str, known: list[str]) -> None:
    assert nearest(name, known) in [None, *known]
