"""Encryption of stored tokens: AES-256-GCM (NIST SP 800-38D), a fresh nonce each time, bound to the account."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from handlers.key_text import KEY_BYTES, parse_key
from handlers.settings import Secret
from handlers.spapi.errors import VaultError

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted text and what is needed, besides the key, to open it."""

    key_id: str
    nonce: bytes
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    cipher: AESGCM = field(repr=False)

    @classmethod
    def of(cls, material: bytes) -> "_Key":
        identity = hashlib.sha256(b"spapi-router key id\0" + material).hexdigest()[:16]
        return cls(identity, AESGCM(material))


class Vault:
    """Seals with its current key; opens what the current or a previous key has sealed."""

    def __init__(self, current: bytes, previous: Sequence[bytes] = ()) -> None:
        """Keys of 32 bytes each. Raises VaultError for another length."""
        for material in (current, *previous):
            if len(material) != KEY_BYTES:
                raise VaultError(f"a key of the token store has 32 bytes, not {len(material)}")
        self._current = _Key.of(current)
        self._keys = {key.id: key for key in map(_Key.of, (*previous, current))}

    @classmethod
    def open_keys(cls, current: Secret, previous: Sequence[Secret] = ()) -> "Vault":
        """A vault of keys kept as secrets. Raises VaultError or SecretError, which say what to set."""
        return cls(read_key(current), [read_key(secret) for secret in previous])

    def __repr__(self) -> str:
        return f"Vault(key_id={self._current.id!r})"

    @property
    def key_id(self) -> str:
        """Names the current key; tells nothing of it."""
        return self._current.id

    def seal(self, plaintext: bytes, account_id: str) -> Sealed:
        """Encrypt, so that it opens again only under the same account id."""
        nonce = os.urandom(_NONCE_BYTES)
        return Sealed(self._current.id, nonce, self._current.cipher.encrypt(nonce, plaintext, account_id.encode()))

    def open(self, sealed: Sealed, account_id: str) -> bytes:
        """Decrypt. Raises VaultError where the key is not here, or the record was changed or is another account's."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise VaultError(
                f"the token of account {account_id} is sealed with key {sealed.key_id}, which is not here (the current "
                f"key is {self._current.id}): name the old key beside the new one (previous_keys), or authorize the "
                "account again"
            )
        try:
            return key.cipher.decrypt(sealed.nonce, sealed.ciphertext, account_id.encode())
        except (InvalidTag, ValueError):
            raise VaultError(
                f"the stored token of account {account_id} does not open: its record is damaged or was moved from "
                "another account; authorize the account again"
            ) from None


def read_key(secret: Secret) -> bytes:
    """The 32 bytes of a key kept as 64 hexadecimal digits or as base64. Raises VaultError or SecretError."""
    try:
        return parse_key(secret.read())
    except ValueError as error:
        raise VaultError(f"the key of the token store, {secret}, {error}") from None
