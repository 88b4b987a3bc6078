"""A seller's consent: the URL that asks for it, and the page at which it comes back with a code.

Source: "Website Authorization Workflow" of Amazon's SP-API guide. The code opens the account for whoever exchanges it
within five minutes, so neither it nor the state is logged or shown.
"""

import hashlib
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from handlers import registry
from handlers.base import HandlerError
from receiver.config import SpapiSettings
from receiver.errors import ConfigError, Unavailable
from receiver.events import log
from receiver.inbox.consents import Consent, Consents, Verdict
from receiver.inbox.tokens import InboxTokens
from receiver.notices import Notice, notice
from receiver.spapi import connect

STATE_LIFE = 600.0
"""Seconds that a seller has between the making of the URL and the way back."""

_logger = logging.getLogger(__name__)
_STATE_BYTES = 32
_SELLER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CODE = re.compile(r"[!-~]{1,2048}")
_VERDICTS = {Verdict.UNKNOWN: Notice.UNKNOWN, Verdict.USED: Notice.USED, Verdict.LATE: Notice.LATE}


@dataclass(frozen=True, slots=True)
class Wish:
    """Which account is asked for. A marketplace is a country or an id; it wins over the region."""

    marketplace: str | None = None
    region: str | None = None
    vendor: bool = False
    seller_id: str = ""
    """The one seller that may answer. Needed to authorize an account anew that is there already."""


async def ask(settings: SpapiSettings, consents: Consents, wish: Wish, now: float, who: str) -> str:
    """A consent URL that is good once, for ten minutes from `now`. `who` goes into the audit log.

    Raises ConfigError or RegionError, which say what to set or to name.
    """
    _check(settings)
    region, base = _place(settings, wish)
    state = secrets.token_urlsafe(_STATE_BYTES)
    redirect_uri = settings.redirect_uri or ""
    consent = Consent(region, wish.seller_id, redirect_uri, who, now + STATE_LIFE)
    request = registry.spapi().ConsentRequest(settings.application_id, state, redirect_uri, settings.draft)
    await consents.add(_digest(state), consent, now)
    url: str = request.url(base)
    return url


class ConsentPage:
    """What the public listener answers at the path of the redirect URI."""

    def __init__(
        self, settings: SpapiSettings, consents: Consents, tokens: InboxTokens, clock: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._consents = consents
        self._tokens = tokens
        self._clock = clock

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """The page. A look by HEAD, as link checkers do, uses nothing up."""
        if request.method == "HEAD":
            return notice(Notice.NO_CODE)
        try:
            return notice(await self._answer(request.query))
        except Unavailable as error:
            log(_logger, logging.ERROR, "consent_failed", error=error.detail)
            return notice(Notice.AGAIN)
        except Exception as error:
            log(_logger, logging.ERROR, "consent_failed", error=type(error).__name__)
            _logger.debug("consent_failed", exc_info=error)
            return notice(Notice.BROKEN)

    async def _answer(self, query: MultiMapping[str]) -> Notice:
        state = _digest(_one(query, "state"))
        verdict, consent = await self._consents.look(state, self._clock())
        if consent is None or verdict is not Verdict.GOOD:
            log(_logger, logging.INFO, "consent_refused", reason=str(verdict))
            return _VERDICTS[verdict]
        seller_id, code = _one(query, "selling_partner_id"), _one(query, "spapi_oauth_code")
        if not _SELLER.fullmatch(seller_id) or not _CODE.fullmatch(code):
            log(_logger, logging.WARNING, "consent_refused", reason="no_code")
            return Notice.NO_CODE
        account = registry.spapi().Account(seller_id, consent.region)
        refusal = await self._refusal(account, consent)
        if refusal is None and not await self._consents.use(state, self._clock()):
            refusal = Notice.USED
        if refusal is not None:
            log(_logger, logging.WARNING, "consent_refused", reason=refusal.name.lower(), account=account.id)
            return refusal
        return await self._exchange(state, consent, account, code)

    async def _refusal(self, account: Any, consent: Consent) -> Notice | None:
        """Why the seller's account is not taken. A link handed to one seller must not replace another's token."""
        if self._settings.key is None:
            return Notice.BROKEN
        if consent.seller_id not in {"", account.seller_id}:
            return Notice.OTHER_SELLER
        if (account.seller_id, account.region) in {(each.seller_id, each.region) for each in self._settings.accounts}:
            return Notice.CONFIGURED
        known = not consent.seller_id and await self._tokens.load(account.id) is not None
        return Notice.KNOWN if known else None

    async def _exchange(self, state: bytes, consent: Consent, account: Any, code: str) -> Notice:
        who = f"consent, asked for by {consent.who}"
        try:
            async with connect(self._settings, who, self._tokens, clock=self._clock) as client:
                await client.authorize(account, code, consent.redirect_uri or None)
        except HandlerError as error:
            log(_logger, logging.ERROR, "consent_failed", account=account.id, error=str(error))
            if getattr(error, "code", None) and not getattr(error, "retryable", True):
                return Notice.REFUSED
            await self._consents.give_back(state)
            return Notice.AGAIN
        log(_logger, logging.INFO, "account_authorized", account=account.id, asked_by=consent.who)
        return Notice.DONE


def _check(settings: SpapiSettings) -> None:
    if settings.application_id is None:
        raise ConfigError(
            'set `application_id = "amzn1.sp.solution.…"` under [spapi]: Developer Central shows it beside the app'
        )
    if settings.key is None:
        raise ConfigError(
            "set `key` under [spapi], with which tokens are sealed in the inbox: make one with "
            "`openssl rand -base64 32`, and restart the daemon"
        )


def _place(settings: SpapiSettings, wish: Wish) -> tuple[str, str]:
    """The region of a wish, and where its consent page is."""
    spapi = registry.spapi()
    if wish.marketplace is not None:
        found = spapi.marketplace(wish.marketplace)
        if wish.region is not None:
            spapi.check_region(wish.region, [found.id])
        region, base = found.region, spapi.central_of(found, vendor=wish.vendor)
    elif wish.region is not None:
        region, base = wish.region, spapi.central_of_region(wish.region, vendor=wish.vendor)
    else:
        raise ConfigError("name the seller's marketplace or region: --marketplace DE, or --region eu")
    return region, settings.endpoints.central or base


def _digest(state: str) -> bytes:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).digest()


def _one(query: MultiMapping[str], name: str) -> str:
    """The value of a parameter that is there once, else nothing."""
    values = query.getall(name, [])
    return values[0] if len(values) == 1 else ""
