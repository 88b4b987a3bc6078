"""The chain of trust from SNS's certificate up to a root, as AWS asks receivers to check it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from OpenSSL import crypto

from receiver.errors import NotAuthentic
from receiver.sns.certificate import Validity, serves, validity
from receiver.sns.issuers import Issuers
from receiver.sns.roots import Roots

_MOST_INTERMEDIATES = 4
# X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, ..._LOCALLY and X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE of x509_vfy.h
_ISSUER_MISSING = frozenset({2, 20, 21})
_SOUND_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class Chain:
    """Proves certificates by OpenSSL's path validation (RFC 5280, section 6), asking for issuers that are missing."""

    def __init__(self, issuers: Issuers, roots: Roots | None = None) -> None:
        """Trust `roots`, the system's where none are given. Raises RootsUnusable where those cannot be read."""
        self._issuers = issuers
        self._roots = roots or Roots.system()
        self._store(0.0)

    async def prove(self, leaf: x509.Certificate, now: float) -> Validity:
        """How long the whole chain holds. Raises NotAuthentic, or Unavailable where an issuer is not to be had now."""
        intermediates: list[x509.Certificate] = []
        asked: list[x509.Certificate] = []
        while True:
            result = await asyncio.to_thread(self._verified, leaf, intermediates, now)
            if isinstance(result, Validity):
                return result
            if len(asked) == _MOST_INTERMEDIATES or result in asked:
                raise _broken(f"no root after {len(intermediates)} intermediate certificates")
            asked.append(result)
            intermediates.append(await self._issuers.issuer_of(result, now))

    def _verified(
        self, leaf: x509.Certificate, intermediates: Sequence[x509.Certificate], now: float
    ) -> Validity | x509.Certificate:
        """When the chain holds, or the certificate whose issuer is missing. Raises NotAuthentic."""
        untrusted = [crypto.X509.from_cryptography(certificate) for certificate in intermediates]
        context = crypto.X509StoreContext(self._store(now), crypto.X509.from_cryptography(leaf), untrusted)
        try:
            chain = [certificate.to_cryptography() for certificate in context.get_verified_chain()]
        except crypto.X509StoreContextError as error:
            if error.errors[0] in _ISSUER_MISSING:
                return error.certificate.to_cryptography()
            raise _broken(str(error)) from None
        return _checked(chain)

    def _store(self, now: float) -> crypto.X509Store:
        store = crypto.X509Store()
        try:
            store.load_locations(self._roots.file, self._roots.directory)
        except crypto.Error as error:
            raise self._roots.unusable(error) from None
        store.set_time(datetime.fromtimestamp(now, UTC).replace(tzinfo=None))
        return store


def _checked(chain: Sequence[x509.Certificate]) -> Validity:
    """What path validation leaves open where no purpose is set: hashes, and the use of the intermediates' keys."""
    for certificate in chain[:-1]:
        if not isinstance(_hash_of(certificate), _SOUND_HASHES):
            raise _broken("a certificate in it is signed with an outdated hash")
        if not serves(certificate, required=False):
            raise _broken("an authority in it is not meant for servers")
    valid = validity(chain[0])
    for certificate in chain[1:]:
        valid = valid.within(validity(certificate))
    return valid


def _hash_of(certificate: x509.Certificate) -> hashes.HashAlgorithm | None:
    try:
        return certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None


def _broken(fault: str) -> NotAuthentic:
    return NotAuthentic("certificate_chain", f"the signing certificate's chain of trust does not hold: {fault}")
