"""Places in the queues of usage plans whose deliveries have ended meanwhile: cancelled, most of them by a command.

Whoever waits for a plan is away until its time, maybe for hours. A place that nobody comes for would keep others
waiting until then.
"""

import asyncio
from contextlib import suppress

from receiver.errors import Unavailable
from receiver.inbox.final import empty, ended
from receiver.inbox.tokens import Tables
from receiver.spapi import SpapiClients

_EVERY = 60.0


class Places:
    """Gives up places that nobody will come for."""

    def __init__(self, clients: SpapiClients, inbox: Tables) -> None:
        self._clients = clients
        self._inbox = inbox

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
        return len(gone)
