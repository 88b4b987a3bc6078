from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA512

from receiver.errors import NotAuthentic, Unavailable
from receiver.sns import Fetched, FetchFailed, Roots
from receiver.sns.certificate import read_pem
from receiver.sns.chain import Chain
from receiver.sns.issuers import Issuers
from receiver.sns.roots import RootsUnusable

if TYPE_CHECKING:
    from tests.receiver.sns.conftest import Amazon, Network

DAY = timedelta(days=1)
SECOND_URL = "http://crt.rootca1.amazontrust.com/rootca1.cer"


@pytest.fixture
def chain(network: "Network", roots: Roots) -> Chain:
    return Chain(Issuers(network), roots)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def test_a_chain_up_to_a_root_holds_as_long_as_its_shortest_part(
    amazon: "Amazon", chain: Chain, network: "Network"
) -> None:
    end = at(amazon.now) + 20 * DAY
    network.answers[amazon.issuer_url] = amazon.authority("Test RSA 2048 M01", amazon.root, ends=end).der
    valid = await chain.prove(amazon.leaf.certificate, amazon.now)
    assert valid.ends == end.timestamp()
    assert network.asked == [amazon.issuer_url]


async def test_an_issuer_in_pem_will_do(amazon: "Amazon", chain: Chain, network: "Network") -> None:
    network.answers[amazon.issuer_url] = amazon.intermediate.pem
    assert await chain.prove(amazon.leaf.certificate, amazon.now)


async def test_a_longer_chain_is_followed(amazon: "Amazon", chain: Chain, network: "Network", stranger: Any) -> None:
    upper = type(amazon.root)(amazon.authority("Upper", amazon.root).certificate, amazon.intermediate.key)
    lower = amazon.authority("Lower", upper, issuer_url=SECOND_URL)
    network.answers |= {amazon.issuer_url: lower.der, SECOND_URL: upper.der}
    assert await chain.prove(amazon.another_leaf(issuer=lower).certificate, amazon.now)
    assert network.asked == [amazon.issuer_url, SECOND_URL]


async def test_another_root_is_not_trusted(amazon: "Amazon", network: "Network", tmp_path: Path, stranger: Any) -> None:
    other = amazon.another_leaf(stranger, subject="Another Root", ca=True, names=(), uses=())
    (tmp_path / "other.pem").write_bytes(other.pem)
    with pytest.raises(NotAuthentic) as raised:
        await Chain(Issuers(network), Roots(tmp_path / "other.pem")).prove(amazon.leaf.certificate, amazon.now)
    assert raised.value.reason == "certificate_chain"


async def test_a_leaf_that_signed_itself_is_not_trusted(amazon: "Amazon", chain: Chain, stranger: Any) -> None:
    lone = type(amazon.leaf)(amazon.leaf.certificate, stranger)
    name = amazon.leaf.certificate.subject
    assert name == lone.certificate.subject
    self_signed = amazon.another_leaf(stranger, issuer=lone, issuer_url=None)
    with pytest.raises(NotAuthentic) as raised:
        await chain.prove(self_signed.certificate, amazon.now)
    assert raised.value.reason == "certificate_chain"


async def test_a_leaf_signed_by_another_leaf_is_not_trusted(amazon: "Amazon", chain: Chain, network: "Network") -> None:
    network.answers[amazon.issuer_url] = amazon.leaf.der
    with pytest.raises((NotAuthentic, Unavailable)):
        await chain.prove(amazon.another_leaf(issuer=amazon.leaf).certificate, amazon.now)


async def test_a_path_length_counts(amazon: "Amazon", chain: Chain, network: "Network") -> None:
    upper = amazon.authority("Upper", amazon.root, path_length=0)
    lower = amazon.authority("Lower", upper, issuer_url=SECOND_URL)
    network.answers |= {amazon.issuer_url: lower.der, SECOND_URL: upper.der}
    with pytest.raises(NotAuthentic, match="path length"):
        await chain.prove(amazon.another_leaf(issuer=lower).certificate, amazon.now)


async def test_an_authority_for_other_uses_is_not_trusted(
    amazon: "Amazon", chain: Chain, network: "Network", oid: Any
) -> None:
    network.answers[amazon.issuer_url] = amazon.authority(
        "Test RSA 2048 M01", amazon.root, uses=[oid("1.3.6.1.5.5.7.3.4")]
    ).der
    with pytest.raises(NotAuthentic, match="not meant for servers"):
        await chain.prove(amazon.leaf.certificate, amazon.now)


async def test_an_outdated_hash_is_not_trusted(amazon: "Amazon", chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await chain.prove(amazon.leaf.certificate, amazon.now)
    monkeypatch.setattr("receiver.sns.chain._SOUND_HASHES", (SHA512,))
    with pytest.raises(NotAuthentic, match="outdated hash"):
        await chain.prove(amazon.leaf.certificate, amazon.now)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "http://evil.example/ca.cer",
        "http://amazontrust.com.evil.example/ca.cer",
        "http://evilamazontrust.com/ca.cer",
        "http://user@crt.amazontrust.com/ca.cer",
        "http://crt.amazontrust.com@evil.example/ca.cer",
        "http://crt.amazontrust.com:8080/ca.cer",
        "http://crt.amazontrust.com/ca.cer?x",
        "https://crt.amazontrust.com/ca.cer",
        "file:///etc/passwd",
        "ldap://crt.amazontrust.com/ca",
        "http://127.0.0.1/ca.cer",
    ],
)
async def test_issuers_come_from_amazon_trust_services_alone(
    amazon: "Amazon", chain: Chain, network: "Network", url: str | None
) -> None:
    with pytest.raises(NotAuthentic, match=r"not at amazontrust\.com"):
        await chain.prove(amazon.another_leaf(issuer_url=url).certificate, amazon.now)
    assert network.asked == []


@pytest.mark.parametrize(
    "answer",
    [FetchFailed("no route"), Fetched(404, b""), Fetched(302, b""), Fetched(500, b""), b"", b"<html>", b"x" * 20_000],
)
async def test_an_issuer_that_is_not_to_be_had_is_asked_for_later(
    amazon: "Amazon", chain: Chain, network: "Network", answer: Any
) -> None:
    network.answers[amazon.issuer_url] = answer
    with pytest.raises(Unavailable) as raised:
        await chain.prove(amazon.leaf.certificate, amazon.now)
    assert raised.value.reason == "issuer_unavailable"


async def test_somebody_on_the_way_who_gives_another_certificate_changes_nothing(
    amazon: "Amazon", chain: Chain, network: "Network", stranger: Any
) -> None:
    forged = type(amazon.root)(amazon.root.certificate, stranger)
    network.answers[amazon.issuer_url] = amazon.another_leaf(
        stranger, issuer=forged, subject="Test RSA 2048 M01", ca=True, names=(), uses=()
    ).der
    with pytest.raises(Unavailable):
        await chain.prove(amazon.leaf.certificate, amazon.now)


async def test_an_ended_issuer_is_asked_for_again_later(amazon: "Amazon", chain: Chain, network: "Network") -> None:
    network.answers[amazon.issuer_url] = amazon.authority("Test RSA 2048 M01", amazon.root, ends=at(amazon.now - 1)).der
    with pytest.raises(Unavailable):
        await chain.prove(amazon.leaf.certificate, amazon.now)


async def test_the_roots_of_this_system_hold_amazons(network: "Network", shared: Path) -> None:
    leaf = read_pem(next((shared / "sns").glob("*.pem")).read_bytes())
    with pytest.raises(Unavailable) as raised:
        await Chain(Issuers(network)).prove(leaf, 1772800000.0)
    assert raised.value.reason == "issuer_unavailable"
    assert network.asked == ["http://crt.r2m01.amazontrust.com/r2m01.cer"]


def test_roots_that_cannot_be_read_are_named(network: "Network", tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_bytes(b"")
    for name in ("empty.pem", "missing.pem"):
        with pytest.raises(RootsUnusable, match=name):
            Chain(Issuers(network), Roots(tmp_path / name))
        with pytest.raises(RootsUnusable, match=name):
            Roots(tmp_path / name).client_context()


def test_the_systems_roots_go_by_openssls_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_bytes(b"")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    assert Roots.system().file == tmp_path / "own.pem"


def test_a_system_without_roots_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setattr("receiver.sns.roots._USUAL_BUNDLES", (str(tmp_path / "missing.pem"),))
    with pytest.raises(RootsUnusable, match="ca-certificates"):
        Roots.system()
    monkeypatch.setattr("receiver.sns.roots._USUAL_BUNDLES", (__file__,))
    assert Roots.system() == Roots(Path(__file__))
