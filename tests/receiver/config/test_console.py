"""`[console]` of the rules file."""

from pathlib import Path

import pytest

from handlers.base import Secret
from receiver.config import Configuration, load
from receiver.config.secrets import secrets_of
from receiver.errors import ConfigError

HEAD = '[sns]\ntopics = ["arn:aws:sns:us-east-1:123456789012:x"]\n[inbox]\ndatabase = "sqlite:inbox.db"\n'


def loaded(folder: Path, text: str) -> Configuration:
    path = folder / "rules.toml"
    path.write_text(HEAD + text)
    return load(path)


def test_nobody_is_let_in_by_default(tmp_path: Path) -> None:
    console = loaded(tmp_path, "").console
    assert (console.token, console.users, console.session, console.hosts) == (None, (), 12 * 3600, ())


def test_what_can_be_set(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        '[console]\ntoken = { file = "token" }\nusers = ["www-data", 1000]\n'
        'session = "30m"\nhosts = ["R.example.com"]\n',
    )
    console = config.console
    assert console.token == Secret("file", str(tmp_path / "token"))
    assert (console.users, console.session, console.hosts) == (("www-data", 1000), 1800, ("r.example.com",))
    assert ("console.token", console.token) in list(secrets_of(config))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('token = "hunter2hunter2hunter2"', "a secret is never written here"),
        ('users = ["Not A Name"]', "console.users"),
        ("users = [true]", "console.users"),
        ("users = [-1]", "console.users"),
        ('session = "0s"', "must be longer than nothing"),
        ("session = 12", "is not a duration"),
        ('hosts = ["https://r.example.com"]', "without scheme and port"),
        ('hosts = ["r.example.com:9090"]', "without scheme and port"),
        ('hosts = ["*"]', "without scheme and port"),
        ("tokn = 1", "did you mean"),
    ],
)
def test_what_is_refused(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        loaded(tmp_path, f"[console]\n{line}\n")
    assert "hunter2" not in str(raised.value)
