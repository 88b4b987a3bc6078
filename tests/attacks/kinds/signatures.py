"""Signatures that do not fit. The certificate is SNS's own and at hand, so nothing is fetched."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512, HashAlgorithm

from receiver.simulators.sns.authority import signed_text
from tests.attacks.forge import TOPIC, Forge
from tests.attacks.row import Kind, Row

_WRONG = "403 signature"


def _respelled(name: str, spell: Callable[[str], object], answer: str = _WRONG) -> Row:
    """A right signature in another spelling."""

    def send(forge: Forge) -> Mapping[str, Any]:
        fields = forge.notification()
        return fields | {"Signature": spell(fields["Signature"])}

    return Row(name, send, answer)


def _signed(name: str, make: Callable[[Forge, Mapping[str, Any]], bytes], version: str = "2") -> Row:
    """A signature made in another way."""

    def send(forge: Forge) -> Mapping[str, Any]:
        fields = forge.notification(SignatureVersion=version)
        return fields | {"Signature": base64.b64encode(make(forge, fields)).decode()}

    return Row(name, send, _WRONG)


def _tampered(name: str, answer: str = _WRONG, **changes: object) -> Row:
    """A message that was changed after it was signed."""
    return Row(name, lambda forge: forge.tampered(**changes), answer)


def _versioned(name: str, version: object, answer: str = "403 signature_version") -> Row:
    return Row(name, lambda forge: forge.notification(SignatureVersion=version), answer)


def _rsa(text: Callable[[bytes], bytes], algorithm: HashAlgorithm) -> Callable[[Forge, Mapping[str, Any]], bytes]:
    def make(forge: Forge, fields: Mapping[str, Any]) -> bytes:
        signature: bytes = forge.leaf.key.sign(text(signed_text(fields)), PKCS1v15(), algorithm)
        return signature

    return make


def _pss(forge: Forge, fields: Mapping[str, Any]) -> bytes:
    signature: bytes = forge.leaf.key.sign(signed_text(fields), PSS(MGF1(SHA256()), 32), SHA256())
    return signature


def _plus_modulus(signature: bytes, forge: Forge) -> bytes:
    """The same residue as another number, one byte longer where it must be."""
    number = int.from_bytes(signature, "big") + forge.leaf.key.public_key().public_numbers().n
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _padding_bits(signature: str) -> str:
    """Another last letter that decodes to the same bytes: only its unused bits differ."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    letters = signature.rstrip("=")
    return letters[:-1] + alphabet[alphabet.index(letters[-1]) + 1] + "=" * (len(signature) - len(letters))


def _same(text: bytes) -> bytes:
    return text


KIND = Kind(
    "signatures",
    "the signature is not SNS's over this message, or is spelled in a second way",
    (
        _versioned("version 0", "0"),
        _versioned("version 3", "3"),
        _versioned("version 02", "02"),
        _versioned("version 2 with a space", "2 "),
        _versioned("version 2 in Arabic digits", "\u0662"),
        _versioned("an empty version", ""),
        _versioned("a version of a megabyte less a little", "2" * 900_000),
        _tampered("no version", "400 fields", SignatureVersion=None),
        _versioned("a number for the version", 2, "400 fields"),
        _versioned("a list for the version", ["2"], "400 fields"),
        _signed("SHA-1 under version 2", _rsa(_same, SHA1())),
        _signed("SHA-256 under version 1", _rsa(_same, SHA256()), "1"),
        _signed("SHA-512 under version 2", _rsa(_same, SHA512())),
        _signed("PSS padding", _pss),
        _signed("over the text with CR LF", _rsa(lambda text: text.replace(b"\n", b"\r\n"), SHA256())),
        _signed("over the text without its last line break", _rsa(lambda text: text[:-1], SHA256())),
        _signed("over an empty text", _rsa(lambda _: b"", SHA256())),
        _signed("over the JSON text", _rsa(lambda text: b'{"Message":' + text + b"}", SHA256())),
        _signed(
            "by somebody else's key", lambda forge, fields: base64.b64decode(forge.sign(dict(fields), forge.stranger))
        ),
        _signed("zeros", lambda _forge, _fields: bytes(256)),
        _signed("the number one", lambda _forge, _fields: bytes(255) + b"\1"),
        _signed("the modulus", lambda forge, _: forge.leaf.key.public_key().public_numbers().n.to_bytes(256, "big")),
        _signed(
            "the right one plus the modulus",
            lambda forge, fields: _plus_modulus(_rsa(_same, SHA256())(forge, fields), forge),
        ),
        _signed("a byte less", lambda forge, fields: _rsa(_same, SHA256())(forge, fields)[:-1]),
        _signed("a zero before it", lambda forge, fields: b"\0" + _rsa(_same, SHA256())(forge, fields)),
        _signed("a zero after it", lambda forge, fields: _rsa(_same, SHA256())(forge, fields) + b"\0"),
        _signed("256 kB", lambda _forge, _fields: bytes(256_000)),
        _respelled("Base64 without its padding", lambda signature: signature.rstrip("=")),
        _respelled("Base64 with more padding", lambda signature: signature + "="),
        _respelled("Base64 with other bits where none count", _padding_bits),
        _respelled("Base64's other alphabet", lambda signature: signature.replace("+", "-").replace("/", "_") + "-"),
        _respelled("a line break in the Base64", lambda signature: signature[:76] + "\n" + signature[76:]),
        _respelled("a space before the Base64", lambda signature: " " + signature),
        _respelled("a NUL after the Base64", lambda signature: signature + "\0"),
        _respelled("letters beyond ASCII", lambda signature: "\uff21" + signature[1:]),
        _respelled("hex", lambda signature: base64.b64decode(signature).hex()),
        _respelled("an empty signature", lambda _: ""),
        _respelled("a signature in a list", lambda signature: [signature], "400 fields"),
        _respelled("no signature", lambda _: None, "400 fields"),
        _tampered("another Message", Message="{}"),
        _tampered("a letter of the Message in another composition", Message="e\u0301"),
        _tampered("another MessageId", MessageId="00000000-0000-0000-0000-000000000000"),
        _tampered("another Timestamp", Timestamp="2999-01-01T00:00:00.000Z"),
        _tampered("another allowed topic", TopicArn=TOPIC + "-2"),
        _tampered("a Subject added", Subject="Message\nx"[:7]),
        _tampered("an empty Subject added", Subject=""),
        Row("the Subject taken away", lambda forge: _without(forge.notification(Subject="s"), "Subject"), _WRONG),
        Row("the Subject changed", lambda forge: forge.notification(Subject="s") | {"Subject": "t"}, _WRONG),
        Row(
            "another message's signature",
            lambda forge: forge.tampered(Signature=forge.notification()["Signature"]),
            _WRONG,
        ),
        Row(
            "an old message's signature under version 1, which is not accepted twice",
            lambda forge: forge.notification(SignatureVersion="1") | {"SignatureVersion": "2"},
            _WRONG,
        ),
    ),
)
VERSION_2_ONLY = Kind(
    "signature versions",
    'with `signature_versions = ["2"]` SHA-1 is over',
    (_versioned("a right signature of version 1", "1"),),
    sns='signature_versions = ["2"]',
)


def _without(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


KINDS = (KIND, VERSION_2_ONLY)
