"""The SP-API client that the rules file's [spapi] section describes."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

from handlers import registry
from handlers.base import Observer, Secret
from receiver.config import SpapiSettings
from receiver.errors import ConfigError


def required(settings: SpapiSettings | None, config: Path) -> SpapiSettings:
    """The section, where there is one. Raises ConfigError."""
    if settings is None:
        raise ConfigError(
            f"{config} has no [spapi] section: add one with client_id, client_secret and [[spapi.accounts]]"
        )
    return settings


class SpapiClients:
    """The clients of a daemon: one for each [spapi] section that its handlers were built by. A reload may change it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.observer: Observer | None = None
        """Is told of calls and tokens; set before the first client is asked for."""
        self.store: Any = None
        """Keeps the accounts that were authorized; set before the first client is asked for."""
        self._clock = clock
        self._clients: list[tuple[SpapiSettings, Any]] = []

    def of(self, settings: SpapiSettings) -> Any:
        """The `handlers.spapi.shared.SharedClient` of a section: the same for equal ones, opened when first used."""
        for known, client in self._clients:
            if known == settings:
                return client
        shared = registry.spapi().SharedClient(
            partial(connect, settings, "daemon", self.store, self._clock, self.observer)
        )
        self._clients.append((settings, shared))
        return shared

    def usage(self) -> list[Any]:
        """The `handlers.spapi.buckets.Usage` of every plan in use."""
        opened = (client.opened for _, client in self._clients)
        return [usage for client in opened if client for usage in client.buckets.usage()]

    def holders(self) -> list[Any]:
        """The `handlers.spapi.ticket.Held` of every place in the queue of a plan."""
        opened = (client.opened for _, client in self._clients)
        return [held for client in opened if client for held in client.buckets.holders()]

    def let_go(self, places: Sequence[Any]) -> None:
        """Give up places as `holders` named them, where nobody has come for them since."""
        for _, client in self._clients:
            if client.opened:
                client.opened.buckets.let_go(places)

    def refusals(self) -> list[Any]:
        """The `handlers.spapi.refusals.Refusal` of the last hour, the latest first."""
        opened = (client.opened for _, client in self._clients)
        return [refusal for client in opened if client for refusal in client.refusals.lately()]

    async def close(self) -> None:
        """Close every client."""
        for _, client in self._clients:
            await client.close()


def connect(
    settings: SpapiSettings,
    who: str,
    store: Any = None,
    clock: Callable[[], float] = time.time,
    observer: Observer | None = None,
) -> AbstractAsyncContextManager[Any]:
    """A `handlers.spapi.client.SpapiClient` for the `async with` block; `who` goes into the audit log of tokens.

    `store` keeps the accounts that were authorized, sealed with the section's key; without one there are the accounts
    of the rules file alone, and a refresh token that Amazon changes lasts as long as the client.
    """
    spapi = registry.spapi()
    application = spapi.Application(
        credentials=spapi.Credentials(settings.client_id, settings.client_secret),
        accounts=tuple(
            spapi.Account(account.seller_id, account.region, account.marketplaces, account.refresh_token)
            for account in settings.accounts
        ),
        endpoints=_endpoints(settings),
        key=settings.key if store is not None else None,
        signing=_signing(settings),
        previous_keys=settings.previous_keys,
    )
    log = logging.getLogger("spapi")
    opened: AbstractAsyncContextManager[Any] = spapi.connect(
        application, store or spapi.MemoryTokenStore(), who=who, log=log, clock=clock, observer=observer
    )
    return opened


def _endpoints(settings: SpapiSettings) -> Any:
    spapi = registry.spapi()
    given = settings.endpoints
    overrides = {name: str(url) for name in spapi.REGIONS if (url := getattr(given, name)) is not None}
    return spapi.Endpoints(settings.sandbox, str(given.lwa or spapi.LWA_ENDPOINT), overrides)


def _signing(settings: SpapiSettings) -> Any:
    if settings.sign == "none":
        return None
    given = settings.aws
    id_, key, token = given.access_key_id, given.secret_access_key, given.session_token
    if id_ is None or key is None:
        id_, key = Secret("env", "AWS_ACCESS_KEY_ID"), Secret("env", "AWS_SECRET_ACCESS_KEY")
        token = Secret("env", "AWS_SESSION_TOKEN") if os.environ.get("AWS_SESSION_TOKEN") else None
    return registry.spapi().Signing(id_, key, token, given.role_arn, given.sts)
