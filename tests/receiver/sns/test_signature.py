import base64
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import NotAuthentic
from receiver.sns.signature import check_signature, text_to_sign

if TYPE_CHECKING:
    from tests.receiver.sns.conftest import Amazon

TEXT = b"Message\nhello\n"
LINE = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=12)


@pytest.fixture(scope="module")
def key(amazon: "Amazon") -> RSAPublicKey:
    public: RSAPublicKey = amazon.leaf.key.public_key()
    return public


@pytest.fixture(scope="module")
def signature(amazon: "Amazon") -> str:
    return base64.b64encode(amazon.leaf.key.sign(TEXT, PKCS1v15(), SHA256())).decode()


def test_a_signature_of_each_version_holds(amazon: "Amazon", key: RSAPublicKey) -> None:
    for version, algorithm in (("1", SHA1()), ("2", SHA256())):
        good = base64.b64encode(amazon.leaf.key.sign(TEXT, PKCS1v15(), algorithm)).decode()
        check_signature(key, version, good, TEXT)
        with pytest.raises(NotAuthentic):
            check_signature(key, "2" if version == "1" else "1", good, TEXT)


def changed(good: str) -> list[str]:
    """Other spellings of the same bytes, and other bytes."""
    raw = base64.b64decode(good)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".index(good[-3])
    sloppy = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[last ^ 1]
    return [
        "",
        "=",
        good[:-1],
        good[:-2],
        good + "=",
        good + "\n",
        " " + good,
        good[:76] + "\n" + good[76:],
        good[:-3] + sloppy + "==",
        good.replace("=", "%3D"),
        base64.urlsafe_b64encode(b"\xff" * 256).decode(),
        base64.b64encode(raw[:-1]).decode(),
        base64.b64encode(b"\x00" + raw).decode(),
        base64.b64encode(raw + b"\x00").decode(),
        base64.b64encode(b"").decode(),
        "é" + good[1:],
        "\udcff" + good[1:],
    ]


def test_only_the_one_spelling_is_taken(key: RSAPublicKey, signature: str) -> None:
    check_signature(key, "2", signature, TEXT)
    for other in changed(signature):
        with pytest.raises(NotAuthentic) as raised:
            check_signature(key, "2", other, TEXT)
        assert raised.value.reason == "signature"


@given(st.text(max_size=400))
def test_any_text_is_refused(key: RSAPublicKey, text: str) -> None:
    with pytest.raises(NotAuthentic):
        check_signature(key, "2", text, TEXT)


def notification(message: str, message_id: str, subject: str | None, timestamp: str) -> dict[str, Any]:
    fields = {"Message": message, "MessageId": message_id, "Timestamp": timestamp, "TopicArn": "a", "Type": "x"}
    return fields if subject is None else fields | {"Subject": subject}


PARTS = st.tuples(
    st.lists(st.sampled_from(["MessageId", "Subject", "Timestamp", "TopicArn", "a", ""]), max_size=5).map("\n".join),
    st.sampled_from(["1", "2"]),
    st.none() | st.sampled_from(["", "s", "Timestamp"]),
    st.sampled_from(["t", "u"]),
)


@given(PARTS, PARTS)
def test_two_messages_have_one_text_only_if_they_are_the_same(left: Any, right: Any) -> None:
    texts = [text_to_sign("Notification", notification(*parts)) for parts in (left, right)]
    assert (texts[0] == texts[1]) == (left == right)
