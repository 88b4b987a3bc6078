import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from receiver.simulators.errors import SimulationError
from receiver.simulators.sns import Authority, Flavour
from receiver.simulators.sns.identity import kept_authority, write_certificate


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "sns.key"
    first = kept_authority(path, Flavour.AWS)
    assert kept_authority(path, Flavour.AWS).leaf == first.leaf
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["sns.key"]


def test_an_ended_certificate_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sns.key"
    old = Authority.create(valid_from=datetime.now(UTC) - timedelta(days=2), life=timedelta(days=1))
    path.write_bytes(old.keep())
    assert kept_authority(path, Flavour.AWS).leaf != old.leaf
    assert Authority.load(path.read_bytes()).leaf != old.leaf


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(SimulationError, match=r"notes.txt: not a private key.*remove it to make a new key"):
        kept_authority(path, Flavour.AWS)
    assert path.read_text() == "mine"


def test_what_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="cannot be read: Is a directory"):
        kept_authority(tmp_path, Flavour.AWS)
    with pytest.raises(SimulationError, match=r"none/cert.pem cannot be written: No such file"):
        write_certificate(tmp_path / "none" / "cert.pem", b"")


def test_the_certificate_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "cert.pem"
    for content in (b"a", b"b"):
        write_certificate(path, content)
        assert path.read_bytes() == content


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SimulationError, match="is not a file; name another"):
        write_certificate(tmp_path / "pipe", b"certificate")
    assert (tmp_path / "pipe").is_fifo()
