import ipaddress
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from receiver.config.values import (
    AdminAddress,
    DatabasePath,
    Listen,
    ListenAddress,
    RedirectUri,
    TopicPattern,
    TrustedNetwork,
    UrlPath,
    WebUrl,
)


def read(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value, context={"directory": Path("/etc/router")})


def refused(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "listen", "local"),
    [
        ("127.0.0.1:8080", Listen("127.0.0.1", 8080), True),
        ("0.0.0.0:80", Listen("0.0.0.0", 80), False),
        ("[::1]:0", Listen("::1", 0), True),
        ("[::]:443", Listen("::", 443), False),
        ("localhost:9", Listen("localhost", 9), True),
        ("router.lan:9", Listen("router.lan", 9), False),
        ("unix:/run/a.sock", Listen(unix=Path("/run/a.sock")), True),
    ],
)
def test_addresses(text: str, listen: Listen, local: bool) -> None:
    assert read(ListenAddress, text) == listen
    assert listen.local is local
    assert str(listen) == text
    assert read(ListenAddress, listen) is listen


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "8080",
        ":8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:99999",
        "256.1.1.1:80",
        "::1:80",
        "[zz]:1",
        "a b:1",
        8080,
        None,
    ],
)
def test_what_is_no_address(wrong: object) -> None:
    assert 'write an address and a port like "127.0.0.1:8080"' in refused(ListenAddress, wrong)


def test_unix_sockets_have_absolute_and_short_paths() -> None:
    assert 'write "unix:/run/sns.sock"' in refused(ListenAddress, "unix:sns.sock")
    assert "at most 107 bytes" in refused(ListenAddress, "unix:/" + "x" * 200)


def test_admin_may_be_off() -> None:
    assert read(AdminAddress, False) is None
    assert read(AdminAddress, "127.0.0.1:1") == Listen("127.0.0.1", 1)
    assert "write an address" in refused(AdminAddress, True)


def test_networks() -> None:
    assert read(TrustedNetwork, "10.0.0.0/8") == ipaddress.ip_network("10.0.0.0/8")
    assert read(TrustedNetwork, "::1") == ipaddress.ip_network("::1/128")
    assert 'did you mean "10.0.0.0/8"?' in refused(TrustedNetwork, "10.0.0.1/8")
    for wrong in ("proxy", "10.0.0.0/33", "", 167772160, None, "10.0.0.1/"):
        assert "is not an address or a network" in refused(TrustedNetwork, wrong)


def test_topics() -> None:
    assert read(TopicPattern, "arn:aws:sns:*:123456789012:sp-*") == "arn:aws:sns:*:123456789012:sp-*"
    for wrong in ("*", "arn:aws:sns:us-east-1:*:sp-api", "arn:aws:sqs:us-east-1:123456789012:x", ""):
        assert "arn:" in refused(TopicPattern, wrong) or "account" in refused(TopicPattern, wrong)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/lib/inbox.db", "/var/lib/inbox.db"),
        ("sqlite:////var/lib/inbox.db", "/var/lib/inbox.db"),
        ("sqlite:/var/lib/inbox.db", "/var/lib/inbox.db"),
        ("sqlite:inbox.db", "/etc/router/inbox.db"),
        ("sqlite:./a b/inbox.db", "/etc/router/a b/inbox.db"),
    ],
)
def test_databases(url: str, path: str) -> None:
    assert read(DatabasePath, url) == Path(path)


@pytest.mark.parametrize(
    "wrong",
    ["", "inbox.db", "/var/lib/inbox.db", "sqlite:", "sqlite://", "sqlite:///", "sqlite::memory:", "sqlite:x/", 3],
)
def test_what_names_no_database(wrong: object) -> None:
    assert 'write "sqlite:///var/lib/spapi-router/inbox.db"' in refused(DatabasePath, wrong)


def test_databases_that_are_near() -> None:
    assert "after sqlite:// comes an absolute path" in refused(DatabasePath, "sqlite://var/lib/inbox.db")
    message = refused(DatabasePath, "postgresql://u:hunter2@db/inbox").splitlines()
    assert "PostgreSQL is not supported yet" in message[1]


def test_urls() -> None:
    assert read(WebUrl, "http://127.0.0.1:4566/") == "http://127.0.0.1:4566/"
    for wrong in ("127.0.0.1", "ftp://x/", "http://", "http://[::1", "http://x:port/"):
        assert "is not a URL" in refused(WebUrl, wrong)
    for wrong in ("http://u:p@x/", "http://x/?a", "http://x/#a"):
        assert "cannot stand in this URL" in refused(WebUrl, wrong)


def test_paths() -> None:
    assert read(UrlPath, "/a/b-c.d_e~f") == "/a/b-c.d_e~f"
    for wrong in ("", "sns", "/a?b", "/a b", "/%41", "/ä"):
        assert 'write one like "/sns"' in refused(UrlPath, wrong)


@pytest.mark.parametrize(
    "uri", ["https://router.example.com/authorize/callback", "https://router.example.com", "http://127.0.0.1:8080/c"]
)
def test_redirect_uris(uri: str) -> None:
    assert read(RedirectUri, uri) == uri


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://router.example.com/callback", "must be https"),
        ("https://router.example.com/callback?a=1", "a query"),
        ("https://router.example.com/%61", "is not the path of a URL"),
        ("/callback", "is not a URL"),
    ],
)
def test_what_is_no_redirect_uri(uri: str, said: str) -> None:
    assert said in refused(RedirectUri, uri)
