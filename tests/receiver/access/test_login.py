"""Where a login leads to."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.access.login import local


@pytest.mark.parametrize("target", ["/", "/rules", "/dead?type=A&rule=b%20c", "/deliveries/7#d7", "/?a=//b"])
def test_a_path_of_this_site_is_gone_on_to(target: str) -> None:
    assert local(target) == target


@pytest.mark.parametrize(
    "target",
    ["", "rules", "//evil.example", "///evil.example", "/\\evil.example", "https:/", "/\n/evil", "/\t/evil.example"],
)
def test_anything_else_leads_to_the_beginning(target: str) -> None:
    assert local(target) == "/"


@given(st.one_of(st.text(), st.text("/\\:.@evil\t\n ", min_size=1)))
def test_no_text_leads_to_another_site(target: str) -> None:
    found = urlsplit(urljoin("http://localhost:9090/login", local(target)))
    assert (found.scheme, found.netloc) == ("http", "localhost:9090")
