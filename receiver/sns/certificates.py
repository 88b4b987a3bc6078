"""SNS's signing certificates: fetched, proven, and held in memory and on disk."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from receiver.errors import NotAuthentic, Unavailable
from receiver.events import log
from receiver.sns.budget import Budget
from receiver.sns.certificate import Validity, check_signing_certificate, read_pem, rsa_key
from receiver.sns.chain import Chain
from receiver.sns.fetch import Fetch, FetchFailed
from receiver.sns.issuers import Issuers
from receiver.sns.keys import HeldKey, Keys
from receiver.sns.regions import certificate_name
from receiver.sns.roots import Roots
from receiver.sns.shares import Shares
from receiver.sns.shelf import CertificateShelf

_LARGEST = 65536
_FETCH_SECONDS = 5.0
_LOAD_SECONDS = 10.0
_FETCH_BURST = 20
_FETCH_RATE = 0.5
_SHARE_BURST = 4
_SHARE_RATE = 0.05
_TRY_LATER = frozenset({408, 425, 429})

logger = logging.getLogger(__name__)


class CertificateStore:
    """Proven keys by certificate URL.

    One fetch serves all who wait for it. What failed is remembered (a refusal a minute, a failure five seconds), and
    fetches are bounded (eight at once, twenty in a burst, then one every two seconds), so that nobody can make this
    program hammer anyone; of those that fail one sender gets four in a burst, then three a minute. All of a load takes
    at most 10 s, less than the 15 s that SNS waits.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        directory: Path | None = None,
        verify_chain: bool = True,
        roots: Roots | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep certificates in `directory` too, if one is given. `ticks` is a monotonic clock in seconds.

        Raises RootsUnusable where the chain is to be verified and the roots cannot be read.
        """
        self._fetch = fetch
        self._shelf = CertificateShelf(directory) if directory else None
        self._chain = Chain(Issuers(fetch, self._shelf), roots) if verify_chain else None
        self._keys = Keys(ticks)
        self._believed = Keys(ticks)
        """Those of stand-ins, which are proven by nothing."""
        self._first: dict[str, str] = {}
        self._budget = Budget(_FETCH_BURST, _FETCH_RATE, ticks)
        self._shares = Shares(_SHARE_BURST, _SHARE_RATE, ticks)

    @property
    def verifies_chain(self) -> bool:
        """Whether certificates must chain up to a root."""
        return self._chain is not None

    def held(self, url: str, now: float) -> HeldKey | None:
        """The proven key of a URL if it is at hand and needs no attention; never a stand-in's."""
        held = self._keys.held(url, now)
        return held if held is not None and now < held.refresh_at else None

    async def get(self, url: str, region: str, now: float, sender: str = "") -> HeldKey:
        """The key of the SNS certificate at `url`, proven for a region at a time (seconds since the epoch).

        The caller has checked the URL. `sender` is who named it, if that is to count. Raises NotAuthentic where it is
        not SNS's certificate, Unavailable where it is not to be had now.
        """
        taken = False

        def may_load() -> bool:
            nonlocal taken
            taken = bool(sender) and self._shares.take(sender)
            return taken or not sender

        held = await self._keys.get(url, now, lambda: self._load(url, region, now), may_load)
        if taken:
            self._shares.give_back(sender)
        return held

    async def get_unproven(self, url: str, stand_in: str, now: float) -> HeldKey:
        """The key of the certificate at `url`, which belongs to the stand-in called `stand_in`.

        Neither its name, dates nor chain count, so the first one is the stand-in's as long as this store lives:
        whoever can put a file there later gains nothing. Raises as `get` does.
        """
        key = await self._unproven(url, now) if self._first.get(stand_in, url) == url else None
        if key is None or self._first.setdefault(stand_in, url) != url:
            first = self._first[stand_in]
            raise NotAuthentic("certificate_url", f"{stand_in} signs with the certificate at {first} until a restart")
        return key

    async def _unproven(self, url: str, now: float) -> HeldKey:
        return await self._believed.get(url, now, lambda: self._load_unproven(url))

    def ends(self) -> dict[str, float]:
        """When each certificate that is held, or its chain, ends, by URL: seconds since the epoch."""
        return self._keys.ends() | self._believed.ends()

    async def close(self) -> None:
        """End the fetches that are under way."""
        await self._keys.close()
        await self._believed.close()

    async def _load(self, url: str, region: str, now: float) -> HeldKey:
        try:
            async with asyncio.timeout(_LOAD_SECONDS):
                return await self._kept(url, region, now) or await self._fetched(url, region, now)
        except TimeoutError:
            raise _unavailable(f"{url} and its chain took longer than {_LOAD_SECONDS:g} s") from None

    async def _load_unproven(self, url: str) -> HeldKey:
        certificate = read_pem(await self._download(url))
        return HeldKey(rsa_key(certificate), Validity(-math.inf, math.inf), math.inf)

    async def _kept(self, url: str, region: str, now: float) -> HeldKey | None:
        """What the disk has, proven anew; nothing where a held key is to be refreshed."""
        if self._shelf is None or self._keys.held(url, now):
            return None
        data = await asyncio.to_thread(self._shelf.load, url)
        if data is None:
            return None
        try:
            return await self._proven(read_pem(data), region, now)
        except (NotAuthentic, Unavailable) as error:
            log(logger, logging.INFO, "certificate_cache_ignored", url=url, detail=error.detail)
            return None

    async def _fetched(self, url: str, region: str, now: float) -> HeldKey:
        certificate = read_pem(await self._download(url))
        held = await self._proven(certificate, region, now)
        if self._shelf is not None:
            await asyncio.to_thread(self._shelf.save, url, certificate.public_bytes(Encoding.PEM))
        log(
            logger,
            logging.INFO,
            "certificate_accepted",
            url=url,
            ends=datetime.fromtimestamp(held.validity.ends, UTC).isoformat(),
        )
        return held

    async def _proven(self, certificate: x509.Certificate, region: str, now: float) -> HeldKey:
        key = rsa_key(certificate)
        valid = check_signing_certificate(certificate, certificate_name(region), now)
        if self._chain is not None:
            valid = valid.within(await self._chain.prove(certificate, now))
        return HeldKey.proven(key, valid, now)

    async def _download(self, url: str) -> bytes:
        if not self._budget.take():
            raise Unavailable("certificate_fetches", "too many certificates were fetched in a short while")
        try:
            answer = await self._fetch(url, limit=_LARGEST, seconds=_FETCH_SECONDS)
        except FetchFailed as error:
            raise _unavailable(str(error)) from None
        if answer.status >= 500 or answer.status in _TRY_LATER:
            raise _unavailable(f"{url} answered {answer.status}")
        if answer.status != 200:
            raise NotAuthentic("certificate", f"{url} answered {answer.status}: it is no certificate of SNS")
        if not answer.complete:
            raise NotAuthentic("certificate", f"{url} gave more than {_LARGEST} bytes: it is no certificate")
        return answer.body


def _unavailable(detail: str) -> Unavailable:
    return Unavailable("certificate_unavailable", f"the signing certificate is not to be had now: {detail}")
