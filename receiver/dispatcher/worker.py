"""A handler object at work: started, asked for attempts within a time limit, closed after the last of them."""

import asyncio
import logging
from typing import Any

from handlers.base import Delivery, Handler, Outcome, Retry
from receiver.dispatcher.limits import Limits
from receiver.dispatcher.outcomes import failure
from receiver.dispatcher.retry import span
from receiver.dispatcher.soundness import fault_of
from receiver.errors import RouterError
from receiver.events import log

_START_LIMIT = 30.0
_CLOSE_LIMIT = 5.0


class StartError(RouterError):
    """A handler cannot be started; the text names it and says why."""


class Worker:
    """One handler object. It outlives its place in a lane until the attempts it runs have ended."""

    def __init__(self, name: str, handler: Handler[Any], logger: logging.Logger) -> None:
        self.name = name
        self.handler = handler
        self._log = logger
        self._limits = Limits()
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Raises StartError."""
        try:
            async with asyncio.timeout(_START_LIMIT):
                await self.handler.start()
        except (Exception, SystemExit) as error:
            self._log.debug("handler_start_failed", exc_info=True)
            reason = str(error) or type(error).__name__
            raise StartError(f"handlers.{self.name} cannot be started: {reason}") from error

    async def attempt(self, delivery: Delivery, timeout: float) -> Outcome:
        """The outcome of one attempt, whatever the handler does; raises only where it is cancelled from outside."""
        self._busy += 1
        self._idle.clear()
        try:
            return await self._attempt(delivery, timeout)
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def close(self) -> None:
        """Close the handler once its last attempt has ended."""
        await self._idle.wait()
        self._limits.close()
        try:
            async with asyncio.timeout(_CLOSE_LIMIT):
                await self.handler.close()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it must not hold up the others
            reason = str(error) or type(error).__name__
            log(self._log, logging.WARNING, "handler_close_failed", handler=self.name, reason=reason)

    async def _attempt(self, delivery: Delivery, timeout: float) -> Outcome:
        limit = self._limits.of(timeout)
        try:
            with limit:
                outcome = await self.handler.handle(delivery)
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            return _late(timeout) if limit.expired else Retry("the handler cancelled itself")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a handler may raise anything: it is recorded
            if limit.expired:
                return _late(timeout)
            self._log.debug("handler_raised", exc_info=True)
            return failure(error)
        fault = fault_of(outcome)
        return outcome if fault is None else Retry(fault)


def _late(timeout: float) -> Retry:
    return Retry(f"timeout: no outcome within {span(timeout)}")


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
