import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from receiver.simulators.errors import SimulationError
from receiver.simulators.sns.authority import Authority, signed_text

MESSAGE = {"Type": "Notification", "Message": "hello", "MessageId": "1", "Timestamp": "now", "TopicArn": "arn"}
HASHES: dict[str, HashAlgorithm] = {"1": SHA1(), "2": SHA256()}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create(issuers_url="http://crt.example.com/issuer.cer")


def verify(certificate: x509.Certificate, signature: str, text: bytes, version: str) -> None:
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(base64.b64decode(signature), text, PKCS1v15(), HASHES[version])


@pytest.mark.parametrize(
    "name",
    [
        "notification-signature-v2.json",
        "notification-subject-signature-v1.json",
        "subscription-confirmation-signature-v1.json",
    ],
)
def test_signed_text_is_what_aws_signed(shared: Path, name: str) -> None:
    message = json.loads((shared / "sns" / name).read_bytes())
    (pem,) = (shared / "sns").glob("*.pem")
    certificate = x509.load_pem_x509_certificate(pem.read_bytes())
    verify(certificate, message["Signature"], signed_text(message), message["SignatureVersion"])


def test_signed_text_leaves_attributes_and_urls_of_a_notification_out() -> None:
    extra = {"UnsubscribeURL": "u", "SigningCertURL": "s", "SignatureVersion": "2", "MessageAttributes": "a"}
    assert signed_text(MESSAGE | extra) == signed_text(MESSAGE)
    assert b"Subject\nhi\n" in signed_text(MESSAGE | {"Subject": "hi"})


@pytest.mark.parametrize("version", ["1", "2"])
def test_sign_uses_the_hash_of_the_version(authority: Authority, version: str) -> None:
    signature = authority.sign(MESSAGE, version)
    verify(authority.leaf, signature, signed_text(MESSAGE), version)
    with pytest.raises(InvalidSignature):
        verify(authority.leaf, signature, signed_text(MESSAGE), "12".replace(version, ""))


def chain_holds(root: x509.Certificate, untrusted: list[x509.Certificate], leaf: x509.Certificate) -> bool:
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(root))
    others = [crypto.X509.from_cryptography(one) for one in untrusted]
    try:
        crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf), others).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def test_the_chain_needs_the_intermediate(authority: Authority) -> None:
    middle, root = authority.issuers
    assert chain_holds(root, [middle], authority.leaf)
    assert not chain_holds(root, [], authority.leaf)
    assert not chain_holds(Authority.create().issuers[-1], [middle], authority.leaf)


def test_the_leaf_is_like_amazons(authority: Authority) -> None:
    extensions = authority.leaf.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["sns.amazonaws.com"]
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    (access,) = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert access.access_location.value == "http://crt.example.com/issuer.cer"
    assert authority.leaf.not_valid_before_utc < datetime.now(UTC) < authority.leaf.not_valid_after_utc


def test_validity_can_be_chosen() -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    old = Authority.create(valid_from=start, life=timedelta(days=1))
    assert old.leaf.not_valid_after_utc == datetime(2020, 1, 2, tzinfo=UTC)


def test_self_signed_has_no_issuer_and_names_no_host() -> None:
    authority = Authority.self_signed()
    assert authority.issuers == ()
    assert chain_holds(authority.leaf, [], authority.leaf)
    with pytest.raises(x509.ExtensionNotFound):
        authority.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_kept_authority_signs_the_same(authority: Authority) -> None:
    loaded = Authority.load(authority.keep())
    assert loaded.leaf == authority.leaf
    assert loaded.issuers == authority.issuers
    assert loaded.sign(MESSAGE, "2") == authority.sign(MESSAGE, "2")


def test_load_refuses_what_is_none(authority: Authority) -> None:
    key = authority.keep().split(b"-----BEGIN CERTIFICATE")[0]
    for text in (b"", b"garbage", key, authority.certificate):
        with pytest.raises(SimulationError, match="not a private key and its certificates"):
            Authority.load(text)


def test_load_refuses_the_key_of_another(authority: Authority) -> None:
    stranger = Authority.self_signed().keep()
    with pytest.raises(SimulationError, match="not that of the first certificate"):
        Authority.load(stranger.split(b"-----BEGIN CERTIFICATE")[0] + authority.certificate)


def test_the_label_is_made_as_that_of_awss_certificate(shared: Path) -> None:
    (pem,) = (shared / "sns").glob("*.pem")
    real = x509.load_pem_x509_certificate(pem.read_bytes())
    assert pem.name == f"SimpleNotificationService-{Authority(real, Authority.self_signed().key).label}.pem"
