"""Stand-ins for SNS on this machine or network: LocalStack, the simulator. Only what is configured is accepted."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from yarl import URL

from receiver.errors import NotAuthentic
from receiver.sns.certificate import key_bytes, load_key, read_pem, rsa_key
from receiver.sns.regions import TopicArn
from receiver.sns.urls import check_confirmation_query

_URL = re.compile(r"(https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?)((?:/[A-Za-z0-9._-]+)*/?)")
_AMAZON = re.compile(r"https?://[^/:]*amazonaws\.(?:com|com\.cn|eu)(?::[0-9]+)?")
_PATH = re.compile(r"(?!.*\.\.)[A-Za-z0-9._/-]*")
_SUBSCRIBE = re.compile(r"(?!.*\.\.)/[A-Za-z0-9._/-]*\?([A-Za-z0-9_.:=&-]{1,4096})")


@dataclass(frozen=True, slots=True)
class StandIn:
    """One stand-in. It can sign for every topic on the allow-list, so the daemon says loudly that it is configured."""

    url: str
    """What its certificate URLs begin with: scheme, host, port and a path that ends in a slash."""
    origin: str
    key: RSAPublicKey | None
    """The key of the certificate given for it; None where the first certificate fetched from its URL is believed."""

    @classmethod
    def open(cls, url: str, certificate: Path | None = None) -> "StandIn":
        """Read the setting `[[sns.signers]]`. Raises ValueError where the URL or the certificate cannot be used."""
        match = _URL.fullmatch(url)
        if match is None or ".." in url or not _is_readable(url):
            raise ValueError(
                f"{url!r} is not a stand-in's URL: write scheme, host, port and path in lower case, no more"
            )
        if _AMAZON.fullmatch(match[1]):
            raise ValueError(
                f"{url!r} is Amazon's own: SNS needs no entry in sns.signers, and gets full checks without"
            )
        key = _key_in(certificate) if certificate is not None else None
        return cls(match[1] + match[2].rstrip("/") + "/", match[1], key)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: the key as DER."""
        return _revived, (self.url, self.origin, self.key and key_bytes(self.key))

    @property
    def pinned(self) -> bool:
        """Whether its key is fixed by a local certificate."""
        return self.key is not None

    def covers(self, url: str) -> bool:
        """Whether a SigningCertURL is this stand-in's."""
        return url.startswith(self.url) and _PATH.fullmatch(url, len(self.url)) is not None

    def confirms(self, url: str) -> bool:
        """Whether a SubscribeURL goes to this stand-in."""
        return url.startswith((self.origin + "/", self.origin + "?"))

    def check_subscribe_url(self, url: str, topic: TopicArn, token: str) -> None:
        """As `receiver.sns.urls.check_subscribe_url`, at this stand-in's origin. Raises NotAuthentic."""
        match = _SUBSCRIBE.fullmatch(url, len(self.origin))
        if match is None:
            raise NotAuthentic("subscribe_url", f"SubscribeURL is not of the form {self.origin}/?Action=…")
        check_confirmation_query(match[1], topic, token)


def _revived(url: str, origin: str, key: bytes | None) -> StandIn:
    return StandIn(url, origin, load_key(key) if key else None)


def _is_readable(url: str) -> bool:
    """Whether what fetches can read it, which refuses ports above 65535."""
    try:
        return URL(url, encoded=True).host is not None
    except ValueError:
        return False


def _key_in(path: Path) -> RSAPublicKey:
    try:
        return rsa_key(read_pem(path.read_bytes()))
    except OSError as error:
        raise ValueError(f"the stand-in's certificate {path} cannot be read: {error.strerror}") from None
    except NotAuthentic as error:
        raise ValueError(f"the stand-in's certificate {path} cannot be used: {error}") from None
