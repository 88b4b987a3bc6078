"""Tokens at rest: sealed with AES-256-GCM, bound to their account, opened by old and new keys."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from handlers.settings import Secret
from handlers.spapi.errors import VaultError
from handlers.spapi.vault import Vault, read_key

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


@given(text=st.binary(max_size=200), account=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_what_is_sealed_opens_again(text: bytes, account: str) -> None:
    vault = Vault(KEY)
    assert vault.open(vault.seal(text, account), account) == text


def test_it_is_aes_256_gcm_with_the_account_as_associated_data() -> None:
    sealed = Vault(KEY).seal(b"Atzr|token", "A1@na")
    assert AESGCM(KEY).decrypt(sealed.nonce, sealed.ciphertext, b"A1@na") == b"Atzr|token"
    assert b"Atzr" not in sealed.ciphertext


def test_every_sealing_has_its_own_nonce() -> None:
    vault = Vault(KEY)
    assert len({vault.seal(b"same", "A1@na").nonce for _ in range(200)}) == 200


def test_a_record_of_another_account_or_a_changed_one_does_not_open() -> None:
    vault = Vault(KEY)
    sealed = vault.seal(b"token", "A1@na")
    damaged = [
        replace(sealed, ciphertext=sealed.ciphertext[:-1] + bytes([sealed.ciphertext[-1] ^ 1])),
        replace(sealed, ciphertext=b""),
        replace(sealed, nonce=b""),
        replace(sealed, nonce=bytes(12)),
    ]
    for case, account in [(sealed, "A2@na"), *((item, "A1@na") for item in damaged)]:
        with pytest.raises(VaultError, match=f"token of account {account} does not open"):
            vault.open(case, account)


def test_old_keys_open_and_new_ones_seal() -> None:
    old, both, new = Vault(KEY), Vault(OTHER, [KEY]), Vault(OTHER)
    sealed = old.seal(b"token", "A1@na")
    assert both.open(sealed, "A1@na") == b"token"
    assert both.seal(b"token", "A1@na").key_id == new.key_id != old.key_id
    with pytest.raises(VaultError, match=f"sealed with key {old.key_id}, which is not here"):
        new.open(sealed, "A1@na")


def test_nothing_shows_the_key() -> None:
    vault = Vault(KEY)
    assert KEY.hex() not in repr(vault) + vault.key_id
    assert vault.key_id in repr(vault)


@pytest.mark.parametrize(
    "write",
    [bytes.hex, lambda key: base64.b64encode(key).decode(), lambda key: base64.urlsafe_b64encode(key).decode()],
)
def test_keys_in_hexadecimal_and_base64(secret: Callable[[str], Secret], write: Callable[[bytes], str]) -> None:
    key = secrets.token_bytes(32)
    assert read_key(secret(write(key))) == key
    assert read_key(secret(write(key).rstrip("=") + "\n")) == key


@pytest.mark.parametrize(
    "text", ["short", "a" * 63, "0" * 62, "ü" * 32, "a" * 32, base64.b64encode(bytes(33)).decode()]
)
def test_a_key_of_another_length_is_refused_without_showing_it(secret: Callable[[str], Secret], text: str) -> None:
    with pytest.raises(VaultError, match="openssl rand -base64 32") as caught:
        read_key(secret(text))
    assert text not in str(caught.value)


def test_a_vault_takes_keys_of_32_bytes_only() -> None:
    with pytest.raises(VaultError, match="has 32 bytes, not 16"):
        Vault(KEY, [bytes(16)])
