"""Sessions of the console: cookies that are signed, end by themselves, and can be ended before."""

import hmac
import secrets
from collections.abc import Callable

_KEY_BYTES = 32
_ID_BYTES = 12


class Sessions:
    """Opens and reads sessions. The key lives as long as this object, and so do the sessions.

    `lifetime` in seconds. What is kept is only which sessions were ended by hand, until they would end anyway.
    """

    def __init__(self, lifetime: float, clock: Callable[[], float]) -> None:
        self.lifetime = lifetime
        self._clock = clock
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._ended: dict[str, float] = {}
        self._last_end = 0.0

    def open(self) -> str:
        """A new session's cookie."""
        ends = int(self._clock() + self.lifetime)
        self._last_end = max(self._last_end, ends)
        head = f"{secrets.token_hex(_ID_BYTES)}.{ends}"
        return f"{head}.{self.sign('session', head)}"

    def read(self, cookie: str) -> str | None:
        """The id of a session that is open, None for any other cookie."""
        head, _, signature = cookie.rpartition(".")
        given = signature.encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(given, self.sign("session", head).encode()):
            return None
        id_, _, ends = head.partition(".")
        return id_ if int(ends) > self._clock() and id_ not in self._ended else None

    def end(self, id_: str) -> None:
        """End a session."""
        now = self._clock()
        self._ended = {known: until for known, until in self._ended.items() if until > now}
        # The lifetime may have been shortened since this one was opened.
        self._ended[id_] = self._last_end

    def sign(self, purpose: str, text: str) -> str:
        """The signature of a text for one purpose, which serves for no other."""
        return hmac.new(self._key, f"{purpose}:{text}".encode("utf-8", "surrogatepass"), "sha256").hexdigest()
