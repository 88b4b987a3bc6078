"""Filling the index of identifiers after arrival, so slowly under load that pushes do not notice."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from receiver.errors import Unavailable
from receiver.events import log
from receiver.inbox.entities import INDEXED, UNINDEXED, Indexed, add_entities, indexed_upto
from receiver.inbox.identifiers import fold, stored_identifiers
from receiver.inbox.phrases import Reveal, plain
from receiver.inbox.sqlite import SqliteInbox

_logger = logging.getLogger(__name__)
_BATCH = 25
"""Few, for pushes that come meanwhile wait for the transaction: each notification has a dozen identifiers."""
_LOOK_AGAIN = 1.0
_WHILE_BUSY = 0.5


class Indexer:
    """Takes notifications into the index in the order of their arrival. Where it got to is in the inbox, with them."""

    def __init__(
        self, inbox: SqliteInbox, busy: Callable[[], bool], reveal: Reveal = plain, batch: int = _BATCH
    ) -> None:
        """`busy` says whether pushes stand in line: then only two batches a second are taken.

        `reveal` opens what is kept encrypted.
        """
        self._inbox = inbox
        self._busy = busy
        self._reveal = reveal
        self._batch = batch
        self._after: int | None = None

    async def run(self) -> None:
        """Follow what arrives until cancelled."""
        while True:
            try:
                count = await self.step()
            except Unavailable as error:
                log(_logger, logging.WARNING, "indexing_delayed", reason=error.reason, detail=error.detail)
                count = 0
            await asyncio.sleep(self._pause(count))

    async def step(self) -> int:
        """Take the next batch in; how many notifications. Raises Unavailable, and the batch is taken the next time."""
        if self._after is None:
            self._after = indexed_upto((await self._inbox.notes(INDEXED)).get(INDEXED))
        rows = await self._inbox.rows(UNINDEXED, (self._after, self._batch))
        if rows:
            values = await asyncio.to_thread(self._values, rows)
            upto = rows[-1][0]
            await self._inbox.write(add_entities, Indexed(self._after, upto, values))
            self._after = upto
        return len(rows)

    def _pause(self, count: int) -> float:
        if count < self._batch:
            return _LOOK_AGAIN
        return _WHILE_BUSY if self._busy() else 0.0

    def _values(self, rows: Sequence[Any]) -> list[tuple[str, int]]:
        """The folded identifiers of rows of UNINDEXED, in the order in which the index keeps them."""
        opened = ((id_, part, self._reveal(body)) for id_, part, body in rows)
        return sorted(
            {(fold(each.value), id_) for id_, part, body in opened for each in stored_identifiers(body, part)}
        )
