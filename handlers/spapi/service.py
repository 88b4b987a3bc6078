"""SP-API put together: from an application's settings to a client, and the names that other packages may use."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from handlers.observer import Observer
from handlers.settings import Secret
from handlers.spapi.accounts import Account, Accounts
from handlers.spapi.aws_credentials import AwsCredentials, Signing
from handlers.spapi.buckets import Buckets, Usage
from handlers.spapi.call import Call, Response
from handlers.spapi.catalogue import Catalogue
from handlers.spapi.central import ConsentRequest, central_of, central_of_region
from handlers.spapi.client import SpapiClient, user_agent
from handlers.spapi.errors import CatalogueError, PlanExhausted, SpapiError, SpapiFault, cure_of
from handlers.spapi.lwa import Credentials, LwaClient
from handlers.spapi.operation import Operation
from handlers.spapi.pools import Pools
from handlers.spapi.regions import LWA_ENDPOINT, MARKETPLACES, REGIONS, Endpoints, check_region, marketplace
from handlers.spapi.request import build
from handlers.spapi.requested import requests_in
from handlers.spapi.shared import SharedClient
from handlers.spapi.signature import SigningError
from handlers.spapi.signing import Signer
from handlers.spapi.tokenstore import Action, AuditEntry, MemoryTokenStore, TokenRecord, TokenStore
from handlers.spapi.vault import Sealed, Vault, read_key

__all__ = [
    "LWA_ENDPOINT",
    "MARKETPLACES",
    "REGIONS",
    "Account",
    "Accounts",
    "Action",
    "Application",
    "AuditEntry",
    "Buckets",
    "Call",
    "Catalogue",
    "CatalogueError",
    "ConsentRequest",
    "Credentials",
    "Endpoints",
    "LwaClient",
    "MemoryTokenStore",
    "Operation",
    "PlanExhausted",
    "Response",
    "Sealed",
    "SharedClient",
    "Signing",
    "SigningError",
    "SpapiClient",
    "SpapiError",
    "SpapiFault",
    "TokenRecord",
    "TokenStore",
    "Usage",
    "Vault",
    "build",
    "central_of",
    "central_of_region",
    "check_region",
    "connect",
    "cure_of",
    "marketplace",
    "read_key",
    "requests_in",
    "user_agent",
]


@dataclass(frozen=True, slots=True)
class Application:
    """An application registered with Amazon, and what it may call."""

    credentials: Credentials
    accounts: tuple[Account, ...] = ()
    endpoints: Endpoints = field(default_factory=Endpoints)
    key: Secret | None = None
    """Seals the refresh tokens in the store."""
    previous_keys: tuple[Secret, ...] = ()
    signing: Signing | None = None
    """Signs each call by AWS Signature Version 4."""


@asynccontextmanager
async def connect(
    application: Application,
    store: TokenStore,
    *,
    who: str,
    log: logging.Logger,
    clock: Callable[[], float] = time.time,
    observer: Observer | None = None,
) -> AsyncIterator[SpapiClient]:
    """A client for as long as the block lasts. `who` goes into the audit log. Raises VaultError or SecretError."""
    vault = None if application.key is None else Vault.open_keys(application.key, application.previous_keys)
    accounts = Accounts(store, vault, application.accounts, clock=clock, who=who)
    endpoints = application.endpoints
    # Mounted, not given as the client's transport, so that HTTPS_PROXY and NO_PROXY of the environment still count.
    context = await asyncio.to_thread(httpx.create_ssl_context)
    async with httpx.AsyncClient(mounts={"all://": Pools(context)}, verify=context) as http:
        lwa = LwaClient(
            http, application.credentials, accounts, endpoint=endpoints.lwa, clock=clock, log=log, observer=observer
        )
        signing = application.signing
        signer = None if signing is None else Signer(AwsCredentials(signing, http, clock), clock)
        client = SpapiClient(
            Catalogue.load(), lwa, accounts, Buckets(), http, endpoints, clock, signer, observer=observer
        )
        try:
            yield client
        finally:
            await client.close()
