"""Tracing put together, by `[telemetry]`."""

import asyncio
import secrets
from collections.abc import Callable
from importlib.metadata import version

from receiver.config import TelemetrySettings
from receiver.inbox import SqliteInbox
from receiver.telemetry.ids import Ids
from receiver.telemetry.spans import Spans
from receiver.telemetry.tracing import Tracing

NOTE = "telemetry/salt"
"""The name of the note that sets this inbox's traces apart from those of others."""


class Telemetry:
    """The tracing of a daemon and its way out."""

    def __init__(self, tracing: Tracing, spans: Spans) -> None:
        self.tracing = tracing
        self._spans = spans

    @classmethod
    async def open(
        cls,
        settings: TelemetrySettings,
        inbox: SqliteInbox,
        sent: Callable[[str, int], None],
        clock: Callable[[], float],
    ) -> "Telemetry":
        """`sent` is told `exported` or `failed` and of how many spans, from a thread.

        Raises SecretError where a header's secret cannot be read, and Unavailable.
        """
        ids = Ids(await _salt(inbox), settings.sample)
        spans = Spans(settings, version("spapi-router"), sent)
        return cls(Tracing(ids, inbox, spans.add, clock), spans)

    async def close(self, seconds: float) -> None:
        """Send the last roots, then what waits, within some seconds."""
        try:
            async with asyncio.timeout(seconds / 2):
                await self.tracing.roots.flush()
        except TimeoutError:
            pass
        await self._spans.close(seconds / 2)


async def _salt(inbox: SqliteInbox) -> bytes:
    salt = (await inbox.notes(NOTE)).get(NOTE)
    if salt is None:
        salt = secrets.token_bytes(16)
        await inbox.save_note(NOTE, salt)
    return salt
