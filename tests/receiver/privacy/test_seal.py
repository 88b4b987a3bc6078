"""Encryption of what is kept: opens again only with its key, in its place, unchanged."""

import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.privacy.seal import MARK, Opened, Seal, Unopened, is_sealed, sealed_with, text_sealed_with

KEY, OLD = bytes(range(32)), bytes(32)
SEAL = Seal(KEY)
NAME = "n:d0e9e693-c3ad-4373-979f-ed4ec98dd746"


@given(st.binary(max_size=300), st.text(max_size=40), st.text(max_size=10))
def test_what_is_sealed_opens_again(value: bytes, name: str, place: str) -> None:
    sealed = SEAL.seal(value, name, place)
    assert is_sealed(sealed)
    assert SEAL.open(sealed, place, name) == Opened(value, name)
    assert SEAL.open(sealed, place) == Opened(value, name)


def test_nothing_of_it_shows_and_no_two_are_alike() -> None:
    value = b"48110-1234" * 10
    one, two = SEAL.seal(value, NAME, "body"), SEAL.seal(value, NAME, "body")
    assert b"48110" not in one
    assert one != two


@pytest.mark.parametrize(("place", "name"), [("answer", NAME), ("body", "n:other"), ("", NAME)])
def test_it_opens_in_its_own_place_alone(place: str, name: str) -> None:
    with pytest.raises(Unopened, match="moved"):
        SEAL.open(SEAL.seal(b"x", NAME, "body"), place, name)


def test_the_name_in_it_cannot_be_exchanged() -> None:
    sealed = SEAL.seal(b"x", "n:one", "body").replace(b"n:one", b"n:two")
    with pytest.raises(Unopened, match="damaged"):
        SEAL.open(sealed, "body", "n:two")


def test_every_changed_byte_is_noticed() -> None:
    sealed = SEAL.seal(b"value", "n", "body")
    for place in range(len(MARK), len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(Unopened):
            SEAL.open(bytes(changed), "body", "n")


def test_every_cut_is_noticed_or_no_seal_at_all() -> None:
    sealed = SEAL.seal(b"value", "n", "body")
    for length in range(len(sealed)):
        if is_sealed(sealed[:length]):
            with pytest.raises(Unopened):
                SEAL.open(sealed[:length], "body", "n")


def test_a_previous_key_still_opens_and_a_lost_one_is_named() -> None:
    sealed = Seal(OLD).seal(b"x", NAME, "body")
    both = Seal(KEY, [OLD])
    assert both.open(sealed, "body", NAME).value == b"x"
    assert sealed_with(both.seal(b"y", NAME, "body")) == SEAL.key == both.key
    assert both.keys == {SEAL.key, Seal(OLD).key}
    with pytest.raises(Unopened, match=rf"sealed with key {Seal(OLD).key}, which is not here.*previous_keys"):
        SEAL.open(sealed, "body", NAME)


def test_what_was_kept_before_is_read_as_it_is() -> None:
    assert SEAL.open(b'{"Type": "Notification"}', "body", NAME) == Opened(b'{"Type": "Notification"}', None)
    assert SEAL.open(b"", "body", NAME) == Opened(b"", None)
    assert SEAL.open_text("HTTP 500", "reason") == "HTTP 500"
    assert SEAL.open_text("sealed: by somebody else", "reason") == "sealed: by somebody else"


@given(st.text(max_size=100))
def test_texts(text: str) -> None:
    sealed = SEAL.seal_text(text, "delivery 7", "reason")
    assert SEAL.open_text(sealed, "reason", "delivery 7") == text
    assert text_sealed_with(sealed) == (SEAL.key if text else None)
    assert sealed.isascii()


def test_it_goes_to_another_process_and_shows_no_key() -> None:
    other = pickle.loads(pickle.dumps(Seal(KEY, [OLD])))
    assert other.open(SEAL.seal(b"x", NAME, "body"), "body").value == b"x"
    assert other.open(Seal(OLD).seal(b"x", NAME, "body"), "body").value == b"x"
    secret = os.urandom(32)
    assert secret.hex() not in repr(Seal(secret))
    assert repr(secret)[2:-1] not in repr(Seal(secret))
