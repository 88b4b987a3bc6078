"""`type = "forward"`: send each delivery to a webhook over HTTP, signed by the Standard Webhooks specification."""

import asyncio
import gzip
import io
import ssl
from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import aiohttp
from multidict import CIMultiDict
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationInfo, WithJsonSchema, field_validator
from yarl import URL

from handlers.addresses import public_socket, refusal_of_host
from handlers.answers import Answer, outcome_of, read_answer
from handlers.authorization import SCHEMES, Authorization, AuthSettings, authorization
from handlers.base import Dead, Delivery, Done, Handler, HandlerContext, Outcome, Request, Retry
from handlers.bodies import Body, BodyChoice, body_of
from handlers.client_tls import ClientTls, TlsSettings
from handlers.errors import HandlerError, TemplateError
from handlers.exchange import LARGEST, Exchange
from handlers.expectation import Expectation
from handlers.failures import describe
from handlers.fresh import Fresh
from handlers.header_fields import HeaderSettings, wrong_in_header
from handlers.named_values import NamedValues
from handlers.oauth import OAuthSettings
from handlers.settings import HandlerSettings, PositiveDuration, Secret, Size
from handlers.target import Target
from handlers.webhooks import ID, SIGNATURE, TIMESTAMP, WebhookSecretError, parse_secret, sign

_KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept: below the 5 s after which Node.js, the shortest in common use, closes it."""
_COMPRESSED_IN_A_THREAD = 65536
"""Bytes from which compressing would hold up the event loop for more than a millisecond."""

_SENT_IN_PIECES = 1 << 20
"""Bytes from which aiohttp would hold up the event loop with a body in one piece."""


def _parse_secrets(value: object) -> object:
    if isinstance(value, tuple):
        return value
    if not isinstance(value, list):
        return (Secret.parse(value),)
    if not value:
        raise ValueError("the list is empty: name a secret, or leave the key out to send without a signature")
    return tuple(value)


_SECRET_SCHEMA = TypeAdapter(Secret).json_schema()
Secrets = Annotated[
    tuple[Secret, ...],
    BeforeValidator(_parse_secrets),
    WithJsonSchema({"anyOf": [_SECRET_SCHEMA, {"type": "array", "items": _SECRET_SCHEMA, "minItems": 1}]}),
]
"""One secret, or several while one is replaced: each signs."""


class ForwardSettings(HandlerSettings):
    """The keys of a `forward` handler. A key stands after those that its check asks for."""

    allow_private: bool = False
    url: Target
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    headers: HeaderSettings = Field(default={})
    body: BodyChoice | None = None
    secret: Secrets = ()
    auth: AuthSettings | None = None
    tls: TlsSettings | None = None
    compression: Literal["gzip"] | None = None
    permanent: list[int] = Field(
        default=[410], json_schema_extra={"items": {"type": "integer", "minimum": 400, "maximum": 599}}
    )
    expect: Expectation | None = None
    """What a 2xx answer must say, where one may tell of a failure."""
    connect_timeout: PositiveDuration = 10.0
    """Seconds for DNS, TCP and TLS together."""
    read_timeout: PositiveDuration | None = None
    """Seconds between two pieces of an answer; None for as long as the handler's `timeout` allows."""
    max_answer: Size = 1 << 20

    @field_validator("url")
    @classmethod
    def _public(cls, url: Target, info: ValidationInfo) -> Target:
        _check_host(url, info)
        return url

    @field_validator("auth")
    @classmethod
    def _one_authorization(cls, auth: AuthSettings | None, info: ValidationInfo) -> AuthSettings | None:
        if auth and any(name.lower() == "authorization" for name in info.data.get("headers", {})):
            raise ValueError("auth and headers both set Authorization: leave one of them out")
        if isinstance(auth, OAuthSettings):
            _check_host(auth.token_url, info)
        return auth

    @field_validator("tls")
    @classmethod
    def _over_tls(cls, tls: TlsSettings | None, info: ValidationInfo) -> TlsSettings | None:
        url = info.data.get("url")
        if tls and url and not url.secure:
            raise ValueError("tls is set, but url begins with http://: write https://")
        return tls

    @field_validator("permanent")
    @classmethod
    def _failures(cls, statuses: list[int]) -> list[int]:
        wrong = [status for status in statuses if not 400 <= status <= 599]
        if wrong:
            raise ValueError(f"{wrong[0]} is not a failure: statuses from 400 to 599 can be permanent")
        return statuses


def _check_host(target: Target, info: ValidationInfo) -> None:
    if info.data.get("allow_private") is False and (why := refusal_of_host(target.host)):
        raise ValueError(f"{target.host} is {why}: set allow_private = true if it is meant")


class _Prepared(NamedTuple):
    """A request that is ready but for its Authorization."""

    url: URL
    headers: CIMultiDict[str]
    data: bytes


class ForwardHandler(Handler[ForwardSettings]):
    """Sends deliveries to one destination, over connections that are used again."""

    Settings: ClassVar[type[BaseModel]] = ForwardSettings

    def __init__(self, settings: ForwardSettings, context: HandlerContext) -> None:
        super().__init__(settings, context)
        clock = context.clock
        self._session: aiohttp.ClientSession | None = None
        self._short: Exchange | None = None
        self._fields = NamedValues("headers", settings.headers, wrong_in_header, clock)
        self._reads_document = bool(settings.url.fields or self._fields.fields)
        self._keys = Fresh(lambda: [_key(secret) for secret in settings.secret], clock)
        self._authorization = authorization(settings.auth, clock) if settings.auth else None
        self._tls = ClientTls(settings.tls, clock) if settings.tls else None
        self._base = CIMultiDict(
            {"Accept-Encoding": "identity", "User-Agent": f"spapi-router/{version('spapi-router')}"}
        )

    async def start(self) -> None:
        """Raises HandlerError where a secret or a certificate cannot be used."""
        self._keys.get()
        self._fields.check()
        if self._authorization:
            self._authorization.check()
        if self._tls:
            self._tls.context()
        settings = self.settings
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=_KEEP_ALIVE,
                resolver=self.context.services.get("resolver"),
                socket_factory=None if settings.allow_private else public_socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(connect=settings.connect_timeout, sock_read=settings.read_timeout),
            auto_decompress=False,
            trust_env=False,
        )

    async def handle(self, delivery: Delivery) -> Outcome:
        """One request; a second one only where an OAuth token was refused."""
        try:
            prepared = await self._prepare(delivery)
            return await self._deliver(prepared)
        except TemplateError as error:
            return Dead(str(error))
        except HandlerError as error:
            return Retry(str(error))
        except (aiohttp.ClientError, OSError) as error:
            return Retry(describe(error))

    def preview(self, delivery: Delivery) -> list[Request]:
        """The request with `***` for every secret and signature."""
        settings = self.settings
        url = settings.url.url(delivery.document)
        body = body_of(delivery, settings.body)
        headers = self._headers(delivery, body, self._fields.shown(delivery.document), int(self.context.clock()))
        if settings.secret:
            headers[SIGNATURE] = " ".join(["v1,***"] * len(settings.secret))
        if settings.auth:
            headers["Authorization"] = f"{SCHEMES[settings.auth.type]} ***"
        shown = body.data.decode("utf-8", "replace")
        return [Request(f"{settings.method} {url}", dict(headers), shown)]

    async def close(self) -> None:
        if self._authorization:
            await self._authorization.close()
        if self._session:
            await self._session.close()

    async def _prepare(self, delivery: Delivery) -> _Prepared:
        document = delivery.document if self._reads_document else {}
        url = self.settings.url.url(document)
        body = body_of(delivery, self.settings.body)
        timestamp = int(self.context.clock())
        headers = self._headers(delivery, body, self._fields.render(document), timestamp)
        if keys := self._keys.get():
            headers[SIGNATURE] = sign(delivery.webhook_id, timestamp, body.data, keys)
        data = await _compress(body.data) if self.settings.compression else body.data
        return _Prepared(url, headers, data)

    def _headers(self, delivery: Delivery, body: Body, fields: Mapping[str, str], timestamp: int) -> CIMultiDict[str]:
        headers = self._base.copy()
        headers["Content-Type"] = body.content_type
        headers["Idempotency-Key"] = delivery.webhook_id
        if delivery.traceparent:
            headers["traceparent"] = delivery.traceparent
        headers.update(fields)
        headers[ID] = delivery.webhook_id
        headers[TIMESTAMP] = str(timestamp)
        if self.settings.compression:
            headers["Content-Encoding"] = self.settings.compression
        return headers

    async def _deliver(self, prepared: _Prepared) -> Outcome:
        if self._authorization is None:
            return await self._send(prepared)
        sent = await self._authorize(self._authorization, prepared)
        outcome = await self._send(prepared)
        if isinstance(outcome, Retry | Dead) and outcome.status == 401 and self._authorization.refused(sent):
            await self._authorize(self._authorization, prepared)
            outcome = await self._send(prepared)
        return outcome

    async def _authorize(self, means: Authorization, prepared: _Prepared) -> str:
        header = await means.header(self._post)
        prepared.headers["Authorization"] = header
        return header

    async def _send(self, prepared: _Prepared) -> Outcome:
        answer = await self._exchange(prepared)
        if answer.status // 100 == 2 and not answer.whole:
            self.context.log.warning("result_too_long", extra={"facts": {"handler": self.context.name}})
        outcome = outcome_of(answer, self.settings.permanent, self.context.clock())
        expect = self.settings.expect
        return expect.judge(outcome, answer.body) if expect and isinstance(outcome, Done) else outcome

    async def _exchange(self, prepared: _Prepared) -> Answer:
        method, most = self.settings.method, self.settings.max_answer
        if len(prepared.data) <= LARGEST and method != "PUT":
            return await self._short_way().send(method, prepared.url, prepared.headers, prepared.data, most)
        async with self._request(
            method, prepared.url, data=_payload(prepared.data), headers=prepared.headers, allow_redirects=False
        ) as response:
            return await read_answer(response, most)

    def _short_way(self) -> Exchange:
        context = self._context()
        if self._short is None or self._short.context is not context:
            self._short = Exchange(self._opened(), self.settings.url.origin, context)
        return self._short

    def _post(self, url: URL, **options: Any) -> Any:
        return self._request("POST", url, **options)

    def _request(self, method: str, url: URL, **options: Any) -> Any:
        return self._opened().request(method, url, ssl=self._context(), **options)

    def _context(self) -> ssl.SSLContext | bool:
        return self._tls.context() if self._tls else True

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise HandlerError("the handler is not started")
        return self._session


def _payload(data: bytes) -> bytes | io.BytesIO:
    """A large body goes out piece by piece, between which others have their turn."""
    return data if len(data) < _SENT_IN_PIECES else io.BytesIO(data)


def _key(secret: Secret) -> bytes:
    try:
        return parse_secret(secret.read())
    except WebhookSecretError as error:
        raise HandlerError(f"secret {secret}: {error}") from None


async def _compress(data: bytes) -> bytes:
    if len(data) < _COMPRESSED_IN_A_THREAD:
        return gzip.compress(data, 6, mtime=0)
    return await asyncio.to_thread(gzip.compress, data, 6, mtime=0)
