"""What SNS would make of certificates, judged on real chains."""

from datetime import UTC, datetime

import pytest
from cryptography import x509

from receiver.doctor import Verdict
from receiver.doctor.chain import judged, names_of
from receiver.simulators.sns import Authority
from tests.receiver.doctor.conftest import DAY, Show

NOW = datetime.now(UTC)


def chain_of(authority: Authority, issuers: int = 1) -> tuple[x509.Certificate, ...]:
    return (authority.leaf, *authority.issuers[:issuers])


def test_a_complete_chain_is_well_with_and_without_its_root(show: Show) -> None:
    shown = show("sns.example.com")
    for issuers in (1, 2):
        result = judged(chain_of(shown.authority, issuers), shown.roots, NOW, "sns.example.com")
        assert (result.verdict, result.detail[:20]) == (Verdict.OK, "for sns.example.com,")


def test_a_leaf_alone_is_an_incomplete_chain_that_names_what_is_missing(show: Show) -> None:
    shown = show(issuers=0)
    result = judged(chain_of(shown.authority, 0), shown.roots, NOW)
    assert result.verdict == Verdict.FINDING
    assert "of the 1 certificates shown" in result.detail
    assert "issued by CN=Simulated RSA 2048, which is missing" in result.detail
    assert "fullchain.pem" in result.cure


def test_a_certificate_signed_by_itself(show: Show) -> None:
    shown = show(authority=Authority.self_signed(), issuers=0)
    result = judged(chain_of(shown.authority, 0), shown.roots, NOW)
    assert result.verdict == Verdict.FINDING
    assert "signed by itself" in result.detail


def test_an_authority_that_nobody_knows(show: Show) -> None:
    shown = show()
    stranger = Authority.create(name="localhost")
    result = judged(chain_of(stranger, 2), shown.roots, NOW)
    assert result.verdict == Verdict.FINDING
    assert "Simulated Root CA" in result.detail
    incomplete = judged(chain_of(stranger, 1), shown.roots, NOW)
    assert incomplete.verdict == Verdict.FINDING
    assert "your own" in incomplete.cure


@pytest.mark.parametrize(
    ("days", "verdict", "says"),
    [(15, Verdict.OK, "to 20"), (13, Verdict.FINDING, "ends in 12 days"), (0, Verdict.FINDING, "ended at")],
)
def test_the_end_is_told_two_weeks_before(show: Show, days: int, verdict: Verdict, says: str) -> None:
    authority = Authority.create(name="localhost", valid_from=NOW - 30 * DAY, life=(30 + days) * DAY)
    shown = show(authority=authority)
    result = judged(chain_of(authority), shown.roots, datetime.now(UTC))
    assert result.verdict == verdict
    assert says in result.detail


def test_a_certificate_of_the_future(show: Show) -> None:
    authority = Authority.create(name="localhost", valid_from=NOW + DAY)
    result = judged(chain_of(authority), show(authority=authority).roots, NOW)
    assert "begins only at" in result.detail
    assert "clock" in result.cure


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("sns.example.com", True),
        ("SNS.Example.com.", True),
        ("hooks.example.org", True),
        ("a.hooks.example.org", False),
        ("example.org", False),
        ("example.com", False),
    ],
)
def test_the_name_that_is_subscribed_is_one_of_the_certificates(show: Show, name: str, covered: bool) -> None:
    authority = Authority.create(name="sns.example.com")
    built = (
        x509.CertificateBuilder(
            authority.leaf.issuer,
            authority.leaf.subject,
            authority.key.public_key(),
            1,
            NOW - DAY,
            NOW + 30 * DAY,
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("sns.example.com"), x509.DNSName("*.example.org")]), False
        )
        .sign(authority.key, authority.leaf.signature_hash_algorithm)  # type: ignore[arg-type]
    )
    result = judged([built], show().roots, NOW, name)
    assert ("not for" in result.detail) is not covered
    assert names_of(built) == ["sns.example.com", "*.example.org"]


def test_every_certificate_of_the_chain_is_dated(show: Show) -> None:
    fresh, old = Authority.create(name="localhost"), Authority.create(valid_from=NOW - 9 * DAY, life=8 * DAY)
    result = judged((fresh.leaf, old.issuers[0]), show(authority=fresh).roots, NOW)
    assert "the certificate of CN=Simulated RSA 2048 ended at" in result.detail
