"""Places in the queues of usage plans whose deliveries have ended meanwhile: cancelled, most of them by a command.

Whoever waits for a plan is away until its time, maybe for hours. A place that nobody comes for would keep others
waiting until then, and those behind it would come when they were told while the plan has long had room for them.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from receiver.errors import Unavailable
from receiver.inbox.final import empty, ended
from receiver.inbox.sooner import Sooner, bring_forward
from receiver.inbox.tokens import Tables
from receiver.spapi import SpapiClients

_EVERY = 60.0
_SOON = 2 * _EVERY
"""Seconds within which a turn must come for its delivery to be told anew: the next looks see to the others."""
_WORTH = 10.0
"""Seconds that it must gain by that."""


class Places:
    """Gives up places that nobody will come for, and lets those behind them come at their turns."""

    def __init__(
        self, clients: SpapiClients, inbox: Tables, wake: Callable[[Iterable[str]], None], clock: Callable[[], float]
    ) -> None:
        """`wake` is told which handlers have deliveries whose time has changed; `clock` is that of the dispatcher."""
        self._clients = clients
        self._inbox = inbox
        self._wake = wake
        self._clock = clock

    async def run(self) -> None:
        """Look every minute."""
        while True:
            await asyncio.sleep(_EVERY)
            with suppress(Unavailable):
                await self.look()

    async def look(self) -> int:
        """Give up what can be given up now; how many places. Raises Unavailable."""
        places = self._clients.holders()
        tickets = {place.ticket for place in places}
        ids = [ticket.delivery for ticket in tickets if ticket.delivery is not None]
        lines = [(ticket.handler, ticket.key) for ticket in tickets if ticket.delivery is None]
        final, left = await ended(self._inbox, ids), await empty(self._inbox, lines)
        gone = [
            place
            for place in places
            if (place.ticket.delivery in final or (place.ticket.handler, place.ticket.key) in left)
        ]
        self._clients.let_go(gone)
        await self._bring_forward()
        return len(gone)

    async def _bring_forward(self) -> None:
        now = self._clock()
        turns = [
            Sooner(place.ticket.delivery, place.ticket.handler, place.ticket.key, now + place.wait, now + place.turn)
            for place in self._clients.holders()
            if place.turn < min(_SOON, place.wait - _WORTH)
        ]
        if turns:
            self._wake(await self._inbox.write(bring_forward, turns))
