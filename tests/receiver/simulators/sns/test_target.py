import pytest

from receiver.simulators.errors import SimulationError
from receiver.simulators.sns.target import check_target, shown


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/sns",
        "http://localhost/",
        "https://[::1]:8443/",
        "http://127.9.9.9",
        "http://a.localhost:1/",
    ],
)
def test_this_machine_may_be_pushed_to(url: str) -> None:
    assert check_target(url, allow_remote=False) == url


@pytest.mark.parametrize(
    "url", ["https://example.com/sns", "http://localhost.example.com/", "http://10.0.0.1/", "http://0.0.0.0/"]
)
def test_others_only_when_it_is_meant(url: str) -> None:
    with pytest.raises(SimulationError, match="add --allow-remote"):
        check_target(url, allow_remote=False)
    assert check_target(url, allow_remote=True) == url


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "/sns", "ftp://localhost/", "http://", "http://localhost:99999/"]
)
def test_what_is_no_endpoint(url: str) -> None:
    with pytest.raises(SimulationError, match="write its whole URL"):
        check_target(url, allow_remote=True)


def test_the_password_is_not_shown() -> None:
    assert shown("https://user:hush@example.com/sns?a=b") == "https://example.com/sns?a=b"
    for url in ("ftp://user:hush@localhost/", "https://user:hush@example.com/", "http://user:hush@localhost:x/"):
        with pytest.raises(SimulationError) as error:
            check_target(url, allow_remote=False)
        assert "hush" not in str(error.value)
