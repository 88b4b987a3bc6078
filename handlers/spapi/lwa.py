"""Login with Amazon: access tokens for accounts and for grantless operations, cached and renewed in time.

Source: "Connect to the Selling Partner API" of Amazon's SP-API guide; OAuth's grants and errors are those of RFC 6749.
"""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import httpx
import orjson

from handlers.observer import Observer, Unobserved
from handlers.settings import Secret, SecretError
from handlers.spapi.accounts import Account, Accounts
from handlers.spapi.errors import LwaError, Unreachable, shown
from handlers.spapi.flights import Flights
from handlers.spapi.revoked import Revoked

_EARLY = 300.0
"""Seconds before its end from which on a token is renewed; a tenth of its life where that is less."""
_TIMEOUT = httpx.Timeout(20.0, connect=10.0)
_CURES = {
    "invalid_grant": (
        "the refresh token or the code is revoked, has ended, or belongs to another application: authorize the account "
        "again with `spapi-router authorize`"
    ),
    "invalid_client": "the client id or the client secret is wrong, or the secret was rotated: set the current ones",
    "unauthorized_client": (
        "this application may not use that grant: check that client id and refresh token belong to the same "
        "application, and for grantless operations that the application has the role for them"
    ),
    "invalid_scope": "the application may not have that scope: give it the role in Developer Central",
    "invalid_request": "a parameter is missing or malformed: check the client id, the client secret and the token",
    "unsupported_grant_type": "the endpoint does not know that grant: check `endpoints.lwa` in the rules file",
    "access_denied": "the seller or Amazon refused: authorize the account again with `spapi-router authorize`",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """The application, as registered with Amazon. Read anew for each token, so that a rotated secret is taken in."""

    client_id: Secret
    client_secret: Secret


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token. Times are seconds since the epoch."""

    value: str = field(repr=False)
    renew_at: float
    ends_at: float

    @classmethod
    def issued(cls, value: str, life: float, now: float) -> "AccessToken":
        """A token that lasts `life` seconds from now, renewed 5 minutes before its end."""
        return cls(value, now + life - min(_EARLY, life / 10), now + life)


@dataclass(frozen=True, slots=True)
class Grant:
    """What Login with Amazon gives for a code: the way into an account."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class LwaClient:
    """Gets access tokens, each once however many ask for it."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        credentials: Credentials,
        accounts: Accounts,
        *,
        endpoint: str,
        clock: Callable[[], float],
        log: logging.Logger,
        observer: Observer | None = None,
    ) -> None:
        """`http` is shared and closed by its owner; `clock` counts seconds since the epoch."""
        self._http = http
        self._credentials = credentials
        self._accounts = accounts
        self._endpoint = endpoint
        self._clock = clock
        self._log = log
        self._observer = observer or Unobserved()
        self._tokens: dict[str, AccessToken] = {}
        self._flights: Flights[AccessToken] = Flights()
        self._revoked = Revoked(clock)

    async def access_token(self, account: Account) -> str:
        """An access token of the account. Raises LwaError, Unreachable, AccountError, VaultError or SecretError."""
        return await self._token(account.id, lambda: self._refresh(account))

    async def grantless(self, scope: str) -> str:
        """An access token of the application itself, for operations that no seller need grant."""
        return await self._token(scope, lambda: self._client_credentials(scope))

    def discard(self, key: str, stale: str) -> None:
        """Forget the token of an account id or scope, if it is still the one that Amazon refused."""
        token = self._tokens.get(key)
        if token is not None and token.value == stale:
            del self._tokens[key]

    async def exchange(self, code: str, redirect_uri: str | None = None) -> Grant:
        """Trade the code of a seller's consent for the account's tokens. The code is good for five minutes, once."""
        form = {"grant_type": "authorization_code", "code": code}
        if redirect_uri is not None:
            form["redirect_uri"] = redirect_uri
        answer = await self._ask(form)
        refresh_token = answer.get("refresh_token")
        if not is_token(refresh_token):
            raise LwaError("Login with Amazon answered the code without a refresh token: authorize again")
        return Grant(answer["access_token"], refresh_token)

    async def close(self) -> None:
        """Stop what is under way."""
        await self._flights.close()

    async def _token(self, key: str, start: Callable[[], Any]) -> str:
        token = self._tokens.get(key)
        if token is not None and self._clock() < token.renew_at:
            return token.value
        try:
            fresh: AccessToken = await self._flights.join(key, start)
        except (LwaError, Unreachable) as error:
            if token is None or not error.retryable or self._clock() >= token.ends_at:
                raise
            return token.value
        return fresh.value

    async def _refresh(self, account: Account) -> AccessToken:
        refresh_token = await self._accounts.refresh_token(account)
        answer = await self._granted(account.id, refresh_token)
        token = self._cache(account.id, answer)
        changed = answer.get("refresh_token")
        try:
            await self._accounts.refreshed(account)
        finally:  # the token in place of the old one comes once, also while nothing can be written
            if is_token(changed) and changed != refresh_token:
                await self._keep(account, refresh_token, changed)
        return token

    async def _granted(self, account_id: str, refresh_token: str) -> Mapping[str, Any]:
        grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            client_id = self._credentials.client_id.read()
        except SecretError:
            self._observer.token_requested(grant["grant_type"], "unsent")
            raise
        self._revoked.check(account_id, refresh_token, client_id)
        try:
            return await self._ask(grant)
        except LwaError as error:
            self._revoked.note(account_id, refresh_token, client_id, error)
            raise

    async def _keep(self, account: Account, old: str, new: str) -> None:
        if not await self._accounts.replace(account, old, new):
            self._log.warning("refresh_token_not_kept", extra={"facts": {"account": account.id, "set": "spapi.key"}})

    async def _client_credentials(self, scope: str) -> AccessToken:
        return self._cache(scope, await self._ask({"grant_type": "client_credentials", "scope": scope}))

    def _cache(self, key: str, answer: Mapping[str, Any]) -> AccessToken:
        token = AccessToken.issued(answer["access_token"], lifetime(answer.get("expires_in")), self._clock())
        self._tokens[key] = token
        return token

    async def _ask(self, form: dict[str, str]) -> Mapping[str, Any]:
        outcome = "unsent"
        try:
            answer = await self._answered(form)
            outcome = "ok"
        except LwaError as error:
            outcome = error.code if error.code in _CURES else "refused"
            raise
        except Unreachable:
            outcome = "unreachable"
            raise
        finally:
            self._observer.token_requested(form["grant_type"], outcome)
        return answer

    async def _answered(self, form: dict[str, str]) -> Mapping[str, Any]:
        client = {
            "client_id": self._credentials.client_id.read(),
            "client_secret": self._credentials.client_secret.read(),
        }
        try:
            response = await self._http.post(
                self._endpoint, data=form | client, timeout=_TIMEOUT, follow_redirects=False
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"Login with Amazon at {self._endpoint}: {type(error).__name__}: {error}") from None
        answer = _parsed(response.content)
        if response.status_code == 200 and is_token(answer.get("access_token")):
            return answer
        raise _refusal(response.status_code, answer, [form.get("refresh_token"), form.get("code"), *client.values()])


def _parsed(content: bytes) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def is_token(value: Any) -> TypeGuard[str]:
    """Whether a value can be sent as a token: what a header cannot carry would end up in an error's text."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()


def lifetime(seconds: Any) -> float:
    """How long a token lasts by its answer, an hour where the answer does not say."""
    sound = isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds)
    return float(seconds) if sound and seconds > 0 else 3600.0


def _refusal(status: int, answer: Mapping[str, Any], secrets: list[str | None]) -> LwaError:
    """The error for an answer that is no token; no secret that was sent is repeated in it."""
    code = shown(answer.get("error"))[:100]
    said = shown(answer.get("error_description") or answer.get("message"))
    for secret in filter(None, secrets):
        said, code = said.replace(secret, "***"), code.replace(secret, "***")
    retryable = status == 429 or status >= 500
    if status == 200:
        return LwaError("Login with Amazon answered 200 without an access token: check `endpoints.lwa`", code, status)
    cure = "it asks to try again later" if retryable else _CURES.get(code, "check the application's credentials")
    reason = ": ".join(part for part in (code, said) if part) or "no reason given"
    return LwaError(f"Login with Amazon answered {status}: {reason}; {cure}", code, status, retryable)
