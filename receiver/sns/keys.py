"""Keys by URL: loaded once however many wait, bounded in number, failures remembered for a short while."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from receiver.errors import NotAuthentic, Unavailable
from receiver.sns.certificate import Validity

_MOST_KEYS = 64
_MOST_FAILURES = 1024
_MOST_LOADS = 8
_REFUSED_FOR = 60.0
_UNAVAILABLE_FOR = 5.0
_REFRESH_BEFORE_END = 86400.0
_REFRESH_EVERY = 3600.0


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A proven key and when its proof holds. After `refresh_at`, seconds since the epoch, a newer one is looked for."""

    key: RSAPublicKey
    validity: Validity
    refresh_at: float

    @classmethod
    def proven(cls, key: RSAPublicKey, validity: Validity, now: float) -> "HeldKey":
        """A key whose refresh is due a day before its proof ends, and not before an hour from now."""
        return cls(key, validity, max(validity.ends - _REFRESH_BEFORE_END, now + _REFRESH_EVERY))


@dataclass(frozen=True, slots=True)
class _Failure:
    error: NotAuthentic | Unavailable
    until: float

    def again(self) -> NotAuthentic | Unavailable:
        """A fresh exception: one object raised for many would gather their tracebacks."""
        if isinstance(self.error, Unavailable):
            return Unavailable(self.error.reason, self.error.detail, self.error.retry_after)
        return NotAuthentic(self.error.reason, self.error.detail)


Load = Callable[[], Awaitable[HeldKey]]
_NOT_REMEMBERED = "certificate_fetches"
"""Why a certificate is not fetched that might be had: of no URL in particular, so it is not remembered."""


class Keys:
    """Holds keys and runs their loads. `ticks` is a monotonic clock in seconds."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._held: OrderedDict[str, HeldKey] = OrderedDict()
        self._failures: OrderedDict[str, _Failure] = OrderedDict()
        self._loads: dict[str, asyncio.Task[_Failure | None]] = {}

    def held(self, url: str, now: float) -> HeldKey | None:
        """The key of a URL, if its proof holds at `now`."""
        held = self._held.get(url)
        if held is None or not held.validity.covers(now):
            return None
        self._held.move_to_end(url)
        return held

    def ends(self) -> dict[str, float]:
        """When the proof of each held key ends, by URL."""
        return {url: held.validity.ends for url, held in self._held.items()}

    async def get(self, url: str, now: float, load: Load, may_load: Callable[[], bool] = lambda: True) -> HeldKey:
        """The key of a URL, loaded where it is not held. Raises what `load` raised, also for a while after.

        `may_load` is asked before a load begins that somebody is to wait for.
        """
        held = self.held(url, now)
        failure = self._failure(url)
        if held is not None:
            if now >= held.refresh_at and failure is None and len(self._loads) < _MOST_LOADS:
                self._loading(url, load)
            return held
        if failure is None and url not in self._loads and not may_load():
            raise Unavailable("certificate_fetches", "too many unknown certificates are named by one sender")
        if failure is None:
            failure = await self._ended(self._loading(url, load))
        if failure is not None:
            raise failure.again()
        held = self.held(url, now)
        if held is None:
            raise NotAuthentic("certificate", "the signing certificate is not valid at the time of the check")
        return held

    async def close(self) -> None:
        """End the loads that are under way."""
        loads = list(self._loads.values())
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)

    def _loading(self, url: str, load: Load) -> "asyncio.Task[_Failure | None]":
        task = self._loads.get(url)
        if task is None:
            if len(self._loads) >= _MOST_LOADS:
                raise Unavailable("certificate_fetches", "too many certificates are being fetched at once")
            task = self._loads[url] = asyncio.create_task(self._load(url, load))
            task.add_done_callback(lambda _: self._loads.pop(url, None))
        return task

    async def _ended(self, loading: "asyncio.Task[_Failure | None]") -> _Failure | None:
        """Wait for a load. Who stops waiting does not stop it: others may wait too."""
        await asyncio.wait({loading})
        if loading.cancelled():
            raise Unavailable("stopping", "the certificate is no longer fetched: the program is stopping")
        return loading.result()

    async def _load(self, url: str, load: Load) -> _Failure | None:
        try:
            self._held[url] = await load()
        except (NotAuthentic, Unavailable) as error:
            lasting = _REFUSED_FOR if isinstance(error, NotAuthentic) else _UNAVAILABLE_FOR
            failure = _Failure(error, self._ticks() + lasting)
            if error.reason == _NOT_REMEMBERED:
                return failure
            self._failures[url] = failure
            self._failures.move_to_end(url)
            _bound(self._failures, _MOST_FAILURES)
            return failure
        self._held.move_to_end(url)
        _bound(self._held, _MOST_KEYS)
        return None

    def _failure(self, url: str) -> _Failure | None:
        failure = self._failures.get(url)
        if failure is None or self._ticks() < failure.until:
            return failure
        del self._failures[url]
        return None


def _bound(entries: OrderedDict[str, HeldKey] | OrderedDict[str, _Failure], most: int) -> None:
    while len(entries) > most:
        entries.popitem(last=False)
