"""What an error of a call means for a delivery."""

from collections.abc import Awaitable

import aiohttp
import orjson

from handlers.base import Dead, Outcome, Postpone, Retry
from handlers.errors import HandlerError, TemplateError
from handlers.failures import describe
from handlers.spapi.errors import LwaError, PlanExhausted, SpapiError, SpapiFault, VaultError

_THROTTLED = 1.0
"""Seconds to stay away after a 429 that the usage plan names no time for."""
_OF_THE_ACCOUNT = frozenset({"invalid_grant", "access_denied"})
"""Errors of Login with Amazon that the seller alone mends, by authorizing anew. The operator mends all others for all
deliveries at once: an expired secret, a wrong endpoint, a proxy that answers in its place."""


def outcome_of(error: HandlerError) -> Outcome:
    """A full usage plan postpones, what may succeed later is tried again, the rest is dead with its reason.

    What the operator mends without touching the delivery (secrets, keys, the application's credentials) is tried
    again as well: one expired secret must not kill a backlog.
    """
    if isinstance(error, PlanExhausted):
        return Postpone(str(error), error.after)
    if isinstance(error, SpapiError):
        return _answered(error)
    if isinstance(error, LwaError):
        kind = Dead if error.code in _OF_THE_ACCOUNT and not error.retryable else Retry
        return kind(str(error), status=error.status)
    if isinstance(error, TemplateError):
        return Dead(str(error))
    if isinstance(error, SpapiFault) and not (error.retryable or isinstance(error, VaultError)):
        return Dead(str(error))
    return Retry(str(error))


async def outcome_when(attempt: Awaitable[Outcome]) -> Outcome:
    """The outcome of an attempt, or of a part of it, also where it raises."""
    try:
        return await attempt
    except HandlerError as error:
        return outcome_of(error)
    except (aiohttp.ClientError, OSError) as error:
        return Retry(describe(error))


def _answered(error: SpapiError) -> Outcome:
    if error.throttled:
        return Postpone(str(error), error.after or _THROTTLED, status=error.status)
    response = orjson.dumps({"errors": error.errors})
    if error.retryable:
        return Retry(str(error), error.after, error.status, response, error.request_id)
    return Dead(str(error), error.status, response, error.request_id)
