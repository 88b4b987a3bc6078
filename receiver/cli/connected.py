"""The SP-API client of a command: with the accounts of the rules file, and of the inbox where that can be opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import click

from handlers import registry
from handlers.base import HandlerError
from receiver.config import Configuration, SpapiSettings
from receiver.errors import InboxError, Unavailable
from receiver.inbox import SqliteInbox
from receiver.inbox.tokens import InboxTokens
from receiver.spapi import connect, required


@asynccontextmanager
async def connected(config: Configuration, who: str) -> AsyncIterator[Any]:
    """A `handlers.spapi.client.SpapiClient`. Without the key or the inbox it goes on with the rules file's accounts."""
    settings = required(config.spapi, config.path)
    inbox = await _inbox(config, settings)
    try:
        async with connect(settings, who, None if inbox is None else InboxTokens(inbox)) as client:
            yield client
    finally:
        if inbox is not None:
            await inbox.close()


async def _inbox(config: Configuration, settings: SpapiSettings) -> SqliteInbox | None:
    try:
        if settings.key is None or not config.inbox.database.exists():
            return None
        registry.spapi().read_key(settings.key)
        return await SqliteInbox.attach(config.inbox.database)
    except (HandlerError, InboxError, Unavailable, OSError) as error:
        click.echo(f"the accounts of the inbox are left out: {error}", err=True)
        return None
