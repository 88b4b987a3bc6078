"""A signing certificate at hand, in place of the one that would be fetched: for judging messages without a network."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from receiver.errors import NotAuthentic
from receiver.sns.certificate import read_pem
from receiver.sns.fetch import Fetch, Fetched

_BEGIN = b"-----BEGIN CERTIFICATE-----"


def check_pem(content: bytes) -> None:
    """Raise ValueError, with what is wrong, unless the content of a file is one certificate in PEM."""
    if _BEGIN not in content:
        raise ValueError("holds no PEM certificate, which would begin with -----BEGIN CERTIFICATE-----")
    try:
        read_pem(content)
    except NotAuthentic as error:
        raise ValueError(f"cannot be used: {error.detail}") from None


@dataclass(frozen=True, slots=True)
class GivenCertificate:
    """A Fetch that answers for a SigningCertURL with a given certificate, and passes every other URL on."""

    url: str
    path: Path
    pem: bytes
    others: Fetch

    async def __call__(self, url: str, *, limit: int, seconds: float) -> Fetched:
        """The certificate, if `url` names it; NotAuthentic where it names another."""
        if url != self.url:
            return await self.others(url, limit=limit, seconds=seconds)
        if not self._is_named():
            raise NotAuthentic("certificate_url", f"SigningCertURL {url} names another certificate than {self.path}")
        return Fetched(200, self.pem)

    def _is_named(self) -> bool:
        """Whether the URL's last part is the file's name, or has the certificate's MD5, which is how SNS names its own.

        That SNS does so is observed, not promised; as a label only, so MD5's weakness does not matter.
        """
        label = self.url.rpartition("/")[2]
        content = read_pem(self.pem).public_bytes(Encoding.DER)
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return label in {self.path.name, f"SimpleNotificationService-{digest}.pem"}
