"""The console and the API of a running daemon, for as long as that lives."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from receiver.admin import Mount
from receiver.api import Api
from receiver.composition import Parts
from receiver.config import Configuration
from receiver.console.console import Console
from receiver.history import History
from receiver.inbox import SqliteInbox
from receiver.inbox.search import Searcher
from receiver.privacy.opening import alike, reveal_of
from receiver.watch import Watch
from receiver.world import World


@asynccontextmanager
async def console_of(
    parts: Parts,
    history: History,
    config: Callable[[], Configuration],
    watch: Watch,
    clock: Callable[[], float],
) -> AsyncIterator[tuple[Mount, ...]]:
    """Both, reading the inbox on connections of their own. Raises InboxError and Unavailable."""
    async with AsyncExitStack() as stack:
        kept, searched = [await _reading(parts, stack) for _ in range(2)]
        world = World(
            config=config,
            inbox=parts.inbox,
            kept=kept,
            searcher=Searcher(searched, reveal_of(parts.inbox)),
            history=history,
            refusals=parts.alarms.refusals,
            readings=parts.instruments.readings,
            alerts=parts.instruments.raised,
            wake=parts.dispatcher.wake,
            watch=watch,
            clock=clock,
        )
        yield Console(world, parts.access).add_to, Api(world, parts.access).add_to


async def _reading(parts: Parts, stack: AsyncExitStack) -> SqliteInbox:
    inbox = await SqliteInbox.read(parts.inbox.path)
    stack.push_async_callback(inbox.close)
    return alike(parts.inbox, inbox)
