"""Encryption of what is kept: AES-256-GCM (NIST SP 800-38D) with a fresh nonce, bound to the notification's name.

A sealed value is a mark, the key's id, the name, the nonce and the ciphertext. What it belongs to is authenticated with
it: a value that was moved to another notification, or to another place of the same one, does not open.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from receiver.errors import RouterError

MARK = b"\0sealed\x01"
"""How every sealed value begins; no JSON begins so."""
_TEXT_MARK = "sealed:"
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_LENGTH_BYTES = 2
_HEAD = len(MARK) + _KEY_ID_BYTES + _LENGTH_BYTES


class Unopened(RouterError):
    """A kept value cannot be opened: its key is not here, or it was changed or moved."""


class Opened(NamedTuple):
    """What was sealed, and the name of what it belongs to; without a name it was not sealed."""

    value: bytes
    name: str | None


class Seal:
    """Seals with its current key, and opens what that one or a previous one has sealed. Can be pickled."""

    def __init__(self, current: bytes, previous: Sequence[bytes] = ()) -> None:
        """Keys of 32 bytes each."""
        self._materials = (current, *previous)
        self._ciphers = {key_id(material): AESGCM(material) for material in reversed(self._materials)}
        self._current = key_id(current)

    def __reduce__(self) -> tuple[type["Seal"], tuple[bytes, tuple[bytes, ...]]]:
        return Seal, (self._materials[0], self._materials[1:])

    def __repr__(self) -> str:
        return f"Seal(key={self.key!r})"

    @property
    def key(self) -> str:
        """Names the current key; tells nothing of it."""
        return self._current.hex()

    @property
    def keys(self) -> frozenset[str]:
        """The names of all keys that are here."""
        return frozenset(name.hex() for name in self._ciphers)

    def seal(self, value: bytes, name: str, place: str) -> bytes:
        """Encrypt a value of the notification (or the delivery) of a name, to be opened in the same place alone."""
        named = name.encode("utf-8", "surrogatepass")[:0xFFFF]
        head = MARK + self._current + len(named).to_bytes(_LENGTH_BYTES) + named
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + self._ciphers[self._current].encrypt(nonce, value, head + place.encode())

    def open(self, sealed: bytes, place: str, name: str | None = None) -> Opened:
        """Decrypt a value; one that is not sealed is itself. With a `name`, it must be of that. Raises Unopened."""
        if not is_sealed(sealed):
            return Opened(sealed, None)
        head, owner = _head(sealed)
        cipher = self._ciphers.get(sealed[len(MARK) : len(MARK) + _KEY_ID_BYTES])
        if cipher is None:
            raise Unopened(
                f"it is sealed with key {sealed_with(sealed)}, which is not here: name that key under "
                "previous_keys of [privacy] encrypt"
            )
        if name is not None and owner != name:
            raise Unopened("it was moved here from another notification, or is damaged")
        nonce, text = sealed[len(head) : len(head) + _NONCE_BYTES], sealed[len(head) + _NONCE_BYTES :]
        try:
            return Opened(cipher.decrypt(nonce, text, head + place.encode()), owner)
        except (InvalidTag, ValueError):
            raise Unopened("it is damaged, or was moved here from another place") from None

    def seal_text(self, text: str, name: str, place: str) -> str:
        """`seal` for a column of text; an empty text stays empty."""
        return _TEXT_MARK + base64.b64encode(self.seal(text.encode(), name, place)).decode() if text else text

    def open_text(self, text: str, place: str, name: str | None = None) -> str:
        """`open` for a column of text. Raises Unopened."""
        sealed = _from_text(text)
        return text if sealed is None else self.open(sealed, place, name).value.decode("utf-8", "replace")


def key_id(material: bytes) -> bytes:
    """8 bytes that name a key and tell nothing of it."""
    return hashlib.sha256(b"spapi-router inbox key\0" + material).digest()[:_KEY_ID_BYTES]


def is_sealed(value: bytes) -> bool:
    """Whether a kept value is encrypted."""
    return value.startswith(MARK) and len(value) >= _HEAD + _NONCE_BYTES


def text_sealed_with(text: str) -> str | None:
    """The name of the key of a sealed text, None where it is not sealed."""
    sealed = _from_text(text)
    return None if sealed is None else sealed_with(sealed)


def sealed_with(value: bytes) -> str:
    """The name of the key of a sealed value."""
    return value[len(MARK) : len(MARK) + _KEY_ID_BYTES].hex()


def _head(sealed: bytes) -> tuple[bytes, str]:
    """What stands before the nonce, and the name in it. Raises Unopened."""
    length = int.from_bytes(sealed[_HEAD - _LENGTH_BYTES : _HEAD])
    try:
        return sealed[: _HEAD + length], sealed[_HEAD : _HEAD + length].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise Unopened("it is damaged") from None


def _from_text(text: str) -> bytes | None:
    if not text.startswith(_TEXT_MARK):
        return None
    try:
        sealed = base64.b64decode(text[len(_TEXT_MARK) :], validate=True)
    except (ValueError, binascii.Error):
        return None
    return sealed if is_sealed(sealed) else None
