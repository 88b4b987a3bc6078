"""A client of SP-API that keeps to usage plans, renews tokens in time and explains what Amazon answers.

Source: "Connect to the Selling Partner API" and "Usage Plans and Rate Limits" of Amazon's SP-API guide.
"""

import platform
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx
import orjson

from handlers.observer import Observer, Unobserved
from handlers.retry_after import parse_retry_after
from handlers.spapi.accounts import Account, Accounts
from handlers.spapi.buckets import Buckets
from handlers.spapi.call import Call, Response
from handlers.spapi.catalogue import Catalogue
from handlers.spapi.errors import AccountError, SpapiError, SpapiFault, Unreachable, errors_of
from handlers.spapi.lwa import LwaClient
from handlers.spapi.operation import Operation
from handlers.spapi.pagination import next_arguments, next_token, token_parameter
from handlers.spapi.rdt import RestrictedTokens, Restriction, restriction
from handlers.spapi.refusals import Refusals
from handlers.spapi.regions import REGIONS, Endpoints, check_region
from handlers.spapi.request import RequestParts, build
from handlers.spapi.signing import Signer

_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_TRIES = 5
"""Tries of a call that waits in place, while the usage plan is what refuses it."""


def user_agent() -> str:
    """What Amazon asks a client to call itself: name, version, language, platform."""
    try:
        own = version("spapi-router")
    except PackageNotFoundError:
        own = "0"
    python = ".".join(platform.python_version_tuple()[:2])
    return f"spapi-router/{own} (Language=Python/{python}; Platform={platform.system()})"


class SpapiClient:
    """Calls SP-API for any of the accounts. To be used from one event loop; close it before its HTTP client."""

    def __init__(  # noqa: PLR0913 - the parts that tests and the service put together
        self,
        catalogue: Catalogue,
        lwa: LwaClient,
        accounts: Accounts,
        buckets: Buckets,
        http: httpx.AsyncClient,
        endpoints: Endpoints,
        clock: Callable[[], float] = time.time,
        signer: Signer | None = None,
        *,
        observer: Observer | None = None,
    ) -> None:
        """`http` is shared and closed by its owner; `clock` counts seconds since the epoch."""
        self.catalogue = catalogue
        self.accounts = accounts
        self.buckets = buckets
        self.refusals = Refusals(clock)
        self._lwa = lwa
        self._http = http
        self._endpoints = endpoints
        self._clock = clock
        self._signer = signer
        self._observer = observer or Unobserved()
        self._agent = user_agent()
        self._restricted = RestrictedTokens(self._create_restricted_token, clock)

    async def call(
        self,
        name: str,
        /,
        *,
        account: Account | str | None = None,
        body: Any = None,
        restricted: Sequence[str] | None = None,
        **arguments: Any,
    ) -> Response:
        """Call an operation by its name and wait for its usage plan: `call("orders.getOrder", orderId="…")`.

        Raises SpapiFault or one of its kinds, and SecretError where a secret cannot be read.
        """
        operation = self.catalogue.find(name)
        return await self.send(Call(operation, arguments, body, account, restricted=restricted))

    async def send(self, call: Call) -> Response:
        """Make a call. Raises SpapiFault or one of its kinds, and SecretError where a secret cannot be read."""
        parts = build(call.operation, call.arguments, call.body)
        target = await self._target(call)
        for _ in range(_TRIES - 1):
            try:
                return await self._attempt(call, parts, target)
            except SpapiError as error:
                if not _again(call, error):
                    raise
        return await self._attempt(call, parts, target)

    async def paginate(self, call: Call, most: int | None = None) -> AsyncIterator[Response]:
        """The pages of a call, one after the other, at most `most` of them. Raises like `send`."""
        page, token, number = call, None, 0
        while most is None or number < most:
            number += 1
            ticket = None if call.ticket is None else (call.ticket, number)
            response = await self.send(replace(page, ticket=ticket))
            yield response
            before, token = token, next_token(response.json)
            if token is None or token_parameter(call.operation) is None:
                return
            if token == before:
                raise SpapiFault(f"{call.operation.full_name}: page {number} names itself as the next one")
            page = replace(call, arguments=next_arguments(call.operation, call.arguments, token))

    async def authorize(self, account: Account, code: str, redirect_uri: str | None = None) -> None:
        """Trade the code of a seller's consent for the account's refresh token, and keep that.

        Raises LwaError, Unreachable, VaultError or SecretError.
        """
        grant = await self._lwa.exchange(code, redirect_uri)
        await self.accounts.add(account, grant.refresh_token)

    async def prove(self, whom: Account | str) -> None:
        """Get an access token of an account, or of the application itself for a scope, and do nothing with it.

        Raises LwaError, Unreachable, AccountError, VaultError or SecretError.
        """
        await (self._lwa.access_token(whom) if isinstance(whom, Account) else self._lwa.grantless(whom))

    def find(self, name: str) -> Operation:
        """The operation of a name. Raises CatalogueError."""
        return self.catalogue.find(name)

    async def close(self) -> None:
        """Stop what is under way for others, such as a token being renewed."""
        await self._restricted.close()
        if self._signer is not None:
            await self._signer.close()
        await self._lwa.close()

    async def _target(self, call: Call) -> "_Target":
        """Whom and where to call. Raises AccountError or RegionError."""
        marketplaces = call.marketplace_ids
        account = call.account
        if not isinstance(account, Account) and not (call.operation.scope and call.region and account is None):
            account = await self._choose(call, marketplaces)
        region = account.region if isinstance(account, Account) else call.region
        if region is None:
            raise AccountError(f"{call.operation.full_name} needs an account or a region")
        check_region(region, marketplaces)
        base = self._endpoints.base(region)
        if call.operation.scope is not None or not isinstance(account, Account):
            return _Target(base, region, f"application@{region}", None)
        return _Target(base, region, account.id, account)

    async def _choose(self, call: Call, marketplaces: Sequence[str]) -> Account:
        seller_id = call.account if isinstance(call.account, str) else None
        return await self.accounts.choose(seller_id, marketplaces)

    async def _attempt(self, call: Call, parts: RequestParts, target: "_Target") -> Response:
        """One call, and a second one with a new token where Amazon says that the token has ended."""
        key = _TokenKey.of(call, parts, target)
        token = await self._token(key, call)
        try:
            return await self._in_turn(call, parts, target, token)
        except SpapiError as error:
            if not error.token_expired:
                raise
        self._discard(key, token)
        return await self._in_turn(call, parts, target, await self._token(key, call))

    async def _in_turn(self, call: Call, parts: RequestParts, target: "_Target", token: str) -> Response:
        async with self.buckets.turn(target.bucket, call.operation, call.ticket, call.patience):
            return await self._exchange(call, parts, target, token)

    async def _token(self, key: "_TokenKey", call: Call) -> str:
        if key.restriction is not None:
            return await self._restricted.token(key.restriction)
        if key.account is not None:
            return await self._lwa.access_token(key.account)
        return await self._lwa.grantless(call.operation.scope or "")

    def _discard(self, key: "_TokenKey", token: str) -> None:
        if key.restriction is not None:
            self._restricted.discard(key.restriction, token)
        else:
            self._lwa.discard(key.name, token)

    async def _create_restricted_token(self, wanted: Restriction) -> Mapping[str, Any]:
        operation = self.catalogue.find("tokens.2021-03-01.createRestrictedDataToken")
        response = await self.send(Call(operation, body=wanted.body, account=wanted.account_id))
        return response.json if isinstance(response.json, Mapping) else {}

    async def _exchange(self, call: Call, parts: RequestParts, target: "_Target", token: str) -> Response:
        answer = await self._observed(call.operation, parts, target, token)
        if self._signer is not None and answer.status_code == 403:
            self._signer.check_clock(answer.headers)
        request_id = answer.headers.get("x-amzn-requestid", "")
        parsed = _json(answer.content)
        name = call.operation.full_name
        if answer.is_success:
            self.buckets.follow(target.bucket, call.operation, answer.headers.get("x-amzn-ratelimit-limit"))
            return Response(name, answer.status_code, parsed, answer.content, _headers(answer), request_id)
        error = SpapiError(name, answer.status_code, errors_of(parsed), request_id)
        if error.throttled or error.status == 503:
            wait = parse_retry_after(answer.headers.get("retry-after"), self._clock())
            error.after = self.buckets.throttled(target.bucket, call.operation, wait)
        else:
            self.buckets.follow(target.bucket, call.operation, answer.headers.get("x-amzn-ratelimit-limit"))
        self.refusals.note(target.bucket, error)
        raise error

    async def _observed(
        self, operation: Operation, parts: RequestParts, target: "_Target", token: str
    ) -> httpx.Response:
        started = time.perf_counter()
        status, request_id = "cancelled", ""
        try:
            answer = await self._send(operation, parts, target, token)
            status, request_id = str(answer.status_code), answer.headers.get("x-amzn-requestid", "")
        except Unreachable:
            status = "unreachable"
            raise
        finally:
            self._observer.spapi_called(operation.full_name, status, time.perf_counter() - started, request_id)
        return answer

    async def _send(self, operation: Operation, parts: RequestParts, target: "_Target", token: str) -> httpx.Response:
        url = target.base + parts.target
        headers = dict(parts.headers) | {
            "x-amz-access-token": token,
            "user-agent": self._agent,
            "accept": "application/json",
        }
        if parts.content is not None:
            headers["content-type"] = "application/json"
        if self._signer is not None:
            aws_region = REGIONS[target.region].aws_region
            headers = await self._signer.sign(parts.method, url, headers, parts.content, aws_region)
        try:
            return await self._http.request(
                parts.method, url, headers=headers, content=parts.content, timeout=_TIMEOUT, follow_redirects=False
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The cause holds the request with its token: it must not travel on with the error.
            raise Unreachable(f"{operation.full_name}: {type(error).__name__}: {error}") from None


@dataclass(frozen=True, slots=True)
class _Target:
    base: str
    region: str
    bucket: str
    account: Account | None
    """None where the application calls for itself."""


@dataclass(frozen=True, slots=True)
class _TokenKey:
    name: str
    account: Account | None
    restriction: Restriction | None

    @classmethod
    def of(cls, call: Call, parts: RequestParts, target: _Target) -> "_TokenKey":
        if target.account is None:
            return cls(call.operation.scope or "", None, None)
        wanted = None
        if call.restricted is not None:
            wanted = restriction(target.account.id, call.operation, parts, call.restricted)
        return cls(target.account.id, target.account, wanted)


def _again(call: Call, error: SpapiError) -> bool:
    """Whether a call that waits in place is made again: not where a second one might act twice."""
    if call.patience is not None:
        return False
    return error.throttled or (error.status == 503 and call.operation.method == "GET")


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _headers(answer: httpx.Response) -> Mapping[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}
