"""Signs of life for the service manager, given only while event loop and inbox writer both work."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from receiver.events import log
from receiver.service_manager import ServiceManager

_logger = logging.getLogger(__name__)


class Watchdog:
    """Asks the writer for an answer every `period` seconds and gives a sign of life after each one.

    Any answer will do, also that the disk is full or the database locked: starting again would not help there, and
    the daemon that says 503 is the better one. Only silence lets the manager's time run out.
    """

    def __init__(self, manager: ServiceManager, ask_writer: Callable[[], Awaitable[object]], period: float) -> None:
        self._manager = manager
        self._ask_writer = ask_writer
        self._period = period

    async def run(self) -> None:
        """Give signs of life until cancelled."""
        while True:
            await self._hear_writer()
            self._manager.alive()
            await asyncio.sleep(self._period)

    async def _hear_writer(self) -> None:
        question = asyncio.ensure_future(self._answer())
        try:
            await asyncio.wait({question}, timeout=self._period / 2)
            if not question.done():
                cure = "the service manager restarts the daemon unless it answers soon: look at the disk"
                log(_logger, logging.ERROR, "inbox_writer_silent", seconds=self._period / 2, cure=cure)
                await question
                log(_logger, logging.WARNING, "inbox_writer_answers")
        finally:
            question.cancel()

    async def _answer(self) -> None:
        with suppress(Exception):
            await self._ask_writer()
