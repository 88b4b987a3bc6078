"""Keeping the simulator's signing key, so that a rules file that names its certificate holds for the next run too."""

import os
from datetime import UTC, datetime
from pathlib import Path

from receiver.reach import is_there
from receiver.simulators.errors import SimulationError
from receiver.simulators.sns.authority import Authority
from receiver.simulators.sns.flavour import Flavour
from receiver.simulators.sns.simulated import new_authority


def kept_authority(path: Path, flavour: Flavour) -> Authority:
    """The authority kept in a file, made and kept there on first use or when its certificate has ended.

    The file is readable by its owner alone. Raises SimulationError.
    """
    if is_there(path):
        authority = _load(path)
        if authority.leaf.not_valid_after_utc > datetime.now(UTC):
            return authority
    authority = new_authority(flavour)
    _write(path, authority.keep(), 0o600)
    return authority


def write_certificate(path: Path, certificate: bytes) -> None:
    """Write the signing certificate for the receiver to read. Raises SimulationError."""
    _write(path, certificate, 0o644)


def _load(path: Path) -> Authority:
    try:
        return Authority.load(path.read_bytes())
    except OSError as error:
        raise SimulationError(f"{path} cannot be read: {error.strerror}") from None
    except SimulationError as error:
        raise SimulationError(f"{path}: {error}; name another file, or remove it to make a new key") from None


def _write(path: Path, content: bytes, mode: int) -> None:
    """Put the whole content in place, or leave what was there. A device or a pipe is no place: it would be gone."""
    path = path.resolve()
    if is_there(path) and not path.is_file():
        raise SimulationError(f"{path} cannot be written: it is not a file; name another")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SimulationError(f"{path} cannot be written: {error.strerror}") from None
