from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.sns import StandIn

if TYPE_CHECKING:
    from tests.receiver.sns.conftest import Amazon

LOCALSTACK = "http://localhost.localstack.cloud:4566"
CERTIFICATE = f"{LOCALSTACK}/_aws/sns/SimpleNotificationService-6c6f63616c737461636b69736e696365.pem"


@pytest.mark.parametrize("url", [LOCALSTACK, LOCALSTACK + "/", LOCALSTACK + "/_aws", LOCALSTACK + "/_aws/sns/"])
def test_localstacks_certificate_is_covered(url: str) -> None:
    stand_in = StandIn.open(url)
    assert stand_in.covers(CERTIFICATE)
    assert not stand_in.pinned
    assert stand_in.confirms(f"{LOCALSTACK}/?Action=ConfirmSubscription")


@pytest.mark.parametrize(
    "url",
    [
        LOCALSTACK,
        CERTIFICATE.replace("4566", "4567"),
        CERTIFICATE.replace("http", "https"),
        CERTIFICATE.replace("/_aws", "_aws"),
        CERTIFICATE.replace("/_aws", ".evil.example/_aws"),
        CERTIFICATE.replace(":4566", ":4566@evil.example"),
        CERTIFICATE.replace("/_aws", "/../_aws"),
        CERTIFICATE + "?x",
        CERTIFICATE + "#x",
        CERTIFICATE + "\n",
        CERTIFICATE + "%00",
        CERTIFICATE.replace("/_aws/", "/\\_aws/"),
        CERTIFICATE.replace("localhost", "LOCALHOST"),
    ],
)
def test_what_only_looks_alike_is_not_covered(url: str) -> None:
    assert not StandIn.open(LOCALSTACK + "/").covers(url)


def test_a_path_ends_at_a_slash() -> None:
    stand_in = StandIn.open("http://127.0.0.1:4566/sns")
    assert stand_in.covers("http://127.0.0.1:4566/sns/a.pem")
    assert not stand_in.covers("http://127.0.0.1:4566/snsx/a.pem")
    assert not stand_in.confirms("http://127.0.0.1:45660/?x")


@pytest.mark.parametrize("url", ["http://[::1]:4566/", "https://sns.example/", "http://127.0.0.1"])
def test_usual_urls_are_taken(url: str) -> None:
    assert StandIn.open(url).covers(url.rstrip("/") + "/a.pem")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:4566",
        "ftp://127.0.0.1/",
        "http:///",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1/?x",
        "http://127.0.0.1/#x",
        "http://127.0.0.1/../",
        "http://127.0.0.1//",
        "http://127.0.0.1:65536/",
        "HTTP://127.0.0.1/",
        "http://LOCALHOST/",
        "http://127.0.0.1:4566\n",
        "http://é.example/",
    ],
)
def test_a_url_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(ValueError, match="not a stand-in's URL"):
        StandIn.open(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.us-west-2.amazonaws.com/",
        "https://sns.us-west-2.amazonaws.com:443/",
        "http://amazonaws.com/",
        "https://sns.cn-north-1.amazonaws.com.cn/",
        "https://sns.eusc-de-east-1.amazonaws.eu/",
    ],
)
def test_amazon_is_no_stand_in(url: str) -> None:
    with pytest.raises(ValueError, match="needs no entry"):
        StandIn.open(url)


def test_a_certificate_pins_the_key(amazon: "Amazon", tmp_path: Path) -> None:
    (tmp_path / "local.pem").write_bytes(amazon.leaf.pem)
    stand_in = StandIn.open(LOCALSTACK, tmp_path / "local.pem")
    assert stand_in.pinned
    assert stand_in.key is not None
    assert stand_in.key.public_numbers() == amazon.leaf.key.public_key().public_numbers()


def test_a_certificate_that_cannot_be_used_is_named(amazon: "Amazon", tmp_path: Path, short_key: Any) -> None:
    (tmp_path / "text.pem").write_text("hello")
    (tmp_path / "two.pem").write_bytes(amazon.leaf.pem * 2)
    (tmp_path / "short.pem").write_bytes(amazon.another_leaf(short_key).pem)
    faults = {"missing.pem": "No such file", "text.pem": "not a PEM", "two.pem": "2 certificates", "short.pem": "1024"}
    for name, fault in faults.items():
        with pytest.raises(ValueError, match=fault) as raised:
            StandIn.open(LOCALSTACK, tmp_path / name)
        assert name in str(raised.value)


@given(st.text(max_size=40) | st.text(max_size=20).map(lambda text: f"{LOCALSTACK}/{text}"))
def test_what_is_covered_stays_below_the_url(url: str) -> None:
    if StandIn.open(LOCALSTACK + "/").covers(url):
        assert url.isascii()
        assert url.startswith(LOCALSTACK + "/")
        assert not set(url[len(LOCALSTACK) :]) & set("@?#%\\:")
        assert ".." not in url
