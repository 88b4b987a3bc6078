"""What SNS would make of a certificate that a server shows.

SNS pushes only to servers whose certificate comes from an authority it knows and is complete (SNS developer guide,
"HTTPS endpoints"); the system's roots stand in for Amazon's list here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from OpenSSL import crypto

from receiver.doctor.check import Result, finding, ok
from receiver.sns import Roots

SOON = timedelta(days=14)

_RENEW = "renew it, and see to it that it is renewed by itself in future"
_COMPLETE = (
    "serve the leaf with every intermediate certificate behind it (fullchain.pem); "
    "if the authority is your own, take a certificate of a public one, such as Let's Encrypt's"
)
# Of x509_vfy.h: X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, ..._SELF_SIGNED_CERT_IN_CHAIN, and a missing issuer's three.
_SELF_SIGNED, _UNKNOWN_ROOT, _ISSUER_MISSING = 18, 19, frozenset({2, 20, 21})


def judged(chain: Sequence[x509.Certificate], roots: Roots, now: datetime, name: str = "") -> Result:
    """Judge the certificates that a server shows, the leaf first; `name` is the host they are to be for.

    Raises RootsUnusable.
    """
    leaf = chain[0]
    for certificate in chain:
        if dated := _dated(certificate, now):
            return dated
    if name and not any(_covers(pattern, name) for pattern in names_of(leaf)):
        return finding(
            f"the certificate is for {_listed(leaf)}, not for {name}", f"get one for {name}, or subscribe another name"
        )
    if fault := _fault(chain, roots, now):
        return fault
    ends = min(certificate.not_valid_after_utc for certificate in chain)
    if ends - now < SOON:
        return finding(f"the certificate for {_listed(leaf)} ends in {(ends - now).days} days, at {_iso(ends)}", _RENEW)
    return ok(f"for {_listed(leaf)}, by {_issuer(leaf)}, to {_iso(ends)}")


def names_of(certificate: x509.Certificate) -> list[str]:
    """The DNS names and addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def _dated(certificate: x509.Certificate, now: datetime) -> Result | None:
    what = f"the certificate of {_subject(certificate)}"
    if certificate.not_valid_after_utc < now:
        return finding(f"{what} ended at {_iso(certificate.not_valid_after_utc)}: SNS does not push to it", _RENEW)
    if certificate.not_valid_before_utc > now:
        return finding(f"{what} begins only at {_iso(certificate.not_valid_before_utc)}", "look at the clock")
    return None


def _fault(chain: Sequence[x509.Certificate], roots: Roots, now: datetime) -> Result | None:
    """What OpenSSL's path validation (RFC 5280, section 6) has against a chain."""
    store = crypto.X509Store()
    try:
        store.load_locations(roots.file, roots.directory)
    except crypto.Error as error:
        raise roots.unusable(error) from None
    store.set_time(now.replace(tzinfo=None))
    leaf, *others = (crypto.X509.from_cryptography(certificate) for certificate in chain)
    try:
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except crypto.X509StoreContextError as error:
        return _meaning(error, chain)
    return None


def _meaning(error: crypto.X509StoreContextError, chain: Sequence[x509.Certificate]) -> Result:
    code = error.errors[0]
    if code == _SELF_SIGNED:
        cure = "take a certificate of a public authority, such as Let's Encrypt's"
        return finding("the certificate is signed by itself: SNS does not push to it", cure)
    if code == _UNKNOWN_ROOT:
        return finding(f"the chain ends in {_issuer(chain[-1])}, an authority that is not trusted here", _COMPLETE)
    if code in _ISSUER_MISSING:
        last = error.certificate.to_cryptography()
        shown = f"of the {len(chain)} certificates shown, that of {_subject(last)}"
        return finding(f"the chain is incomplete: {shown} was issued by {_issuer(last)}, which is missing", _COMPLETE)
    return finding(f"the chain of trust does not hold: {error}", _COMPLETE)


def _covers(pattern: str, name: str) -> bool:
    """Whether a certificate's name is or covers a host's (RFC 6125: a wildcard is the whole first label)."""
    pattern, name = pattern.lower(), name.lower().rstrip(".")
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])


def _listed(certificate: x509.Certificate) -> str:
    return ", ".join(names_of(certificate)[:4]) or _subject(certificate)


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:200] or "(no subject)"


def _issuer(certificate: x509.Certificate) -> str:
    return certificate.issuer.rfc4514_string()[:200] or "(no issuer)"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
