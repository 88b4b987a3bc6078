"""Between the certificates, which the event loop fetches and proves, and the judge, who checks signatures."""

from receiver.inbox import SqliteInbox
from receiver.judge import Grant, KeyWanted, grant_keys
from receiver.sns import CertificateStore, HeldKey, key_bytes

_WHILE_REFRESHED = 60.0


class KeyDesk:
    """Gives the judge the keys that pushes need."""

    def __init__(self, certificates: CertificateStore, inbox: SqliteInbox) -> None:
        self._certificates = certificates
        self._inbox = inbox

    async def grant(self, wanted: KeyWanted, now: float, sender: str) -> None:
        """Get a key, proven, for the push of a sender, and hand it over.

        Raises NotAuthentic and Unavailable as the CertificateStore does.
        """
        if wanted.stand_in is None:
            held = await self._certificates.get(wanted.url, wanted.region, now, sender)
        else:
            held = await self._certificates.get_unproven(wanted.url, wanted.stand_in, now)
        await self._inbox.write(grant_keys, granted(wanted.url, held, now))


def granted(url: str, held: HeldKey, now: float) -> Grant:
    """A key until a newer one is to be looked for; while that is under way, for a minute at a time.

    `now` is in seconds since the epoch.
    """
    asked_again = held.refresh_at if now < held.refresh_at else now + _WHILE_REFRESHED
    return Grant(url, key_bytes(held.key), held.validity.begins, min(asked_again, held.validity.ends))
