"""The intermediate certificates between SNS's leaf and a root: fetched from where the leaf says, kept on disk."""

import asyncio
import re

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from receiver.errors import NotAuthentic, Unavailable
from receiver.sns.certificate import issuer_urls, read_pem_or_der, validity
from receiver.sns.fetch import Fetch, FetchFailed
from receiver.sns.shelf import CertificateShelf

# Amazon Trust Services publishes its authorities there, over plain http: what comes is proven by the chain itself.
_AMAZON_TRUST = re.compile(r"http://[a-z0-9-]+(?:\.[a-z0-9-]+)*\.amazontrust\.com(?::80)?/[A-Za-z0-9._/-]{1,200}")
_LARGEST = 16384
_SECONDS = 3.0


class Issuers:
    """Finds the certificate that issued another one."""

    def __init__(self, fetch: Fetch, shelf: CertificateShelf | None = None) -> None:
        self._fetch = fetch
        self._shelf = shelf

    async def issuer_of(self, certificate: x509.Certificate, now: float) -> x509.Certificate:
        """The issuer's certificate, which did issue this one and is valid at `now`.

        Raises NotAuthentic where the certificate names no issuer at Amazon Trust Services, and Unavailable where what
        it names is not to be had now.
        """
        urls = [url for url in issuer_urls(certificate) if _AMAZON_TRUST.fullmatch(url)]
        if not urls:
            raise NotAuthentic(
                "certificate_chain",
                f"{certificate.issuer.rfc4514_string()[:200]!a} is not trusted here and not at amazontrust.com",
            )
        return await self._kept(urls[0], certificate, now) or await self._fetched(urls[0], certificate, now)

    async def _kept(self, url: str, certificate: x509.Certificate, now: float) -> x509.Certificate | None:
        data = await asyncio.to_thread(self._shelf.load, url) if self._shelf else None
        return _issuer(data, certificate, now) if data else None

    async def _fetched(self, url: str, certificate: x509.Certificate, now: float) -> x509.Certificate:
        try:
            answer = await self._fetch(url, limit=_LARGEST, seconds=_SECONDS)
        except FetchFailed as error:
            raise Unavailable("issuer_unavailable", f"the intermediate certificate is not to be had: {error}") from None
        issuer = _issuer(answer.body, certificate, now) if answer.status == 200 and answer.complete else None
        if issuer is None:
            raise Unavailable("issuer_unavailable", f"{url} gave no intermediate certificate (status {answer.status})")
        if self._shelf:
            await asyncio.to_thread(self._shelf.save, url, issuer.public_bytes(Encoding.PEM))
        return issuer


def _issuer(data: bytes, child: x509.Certificate, now: float) -> x509.Certificate | None:
    """The certificate in `data`, if it is valid now and its key signed `child`."""
    try:
        issuer = read_pem_or_der(data)
        child.verify_directly_issued_by(issuer)
    except (NotAuthentic, ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return None
    return issuer if validity(issuer).covers(now) else None
