"""`type = "spapi"`: call any operation of Amazon's Selling Partner API; the answer is the result."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, PlainValidator, ValidationInfo, WithJsonSchema, field_validator

from handlers.answers import KEPT
from handlers.base import Dead, Delivery, Done, Handler, HandlerContext, Outcome, Request, Retry
from handlers.errors import HandlerError
from handlers.expectation import Expectation
from handlers.json_text import written
from handlers.settings import Size
from handlers.spapi.account_keys import AccountKeys
from handlers.spapi.call import Call
from handlers.spapi.catalogue import Catalogue
from handlers.spapi.client import SpapiClient
from handlers.spapi.errors import CatalogueError, SpapiFault
from handlers.spapi.operation import Operation
from handlers.spapi.outcomes import outcome_of
from handlers.spapi.pages import Pages
from handlers.spapi.pagination import token_parameter
from handlers.spapi.rdt import restriction
from handlers.spapi.request import RequestParts, build, check_names
from handlers.spapi.shared import PATIENCE, shared_client
from handlers.spapi.ticket import ticket_of
from handlers.template import Structure

_MOST_BEGUN = 1000
_MOST_KEPT = 32 << 20
"""Bytes of all answers whose next page waits for its turn. Once read they take several times that."""


@lru_cache(maxsize=1)
def _catalogue() -> Catalogue:
    return Catalogue.load()


def _operation(value: object) -> Operation:
    if isinstance(value, Operation):
        return value
    if not isinstance(value, str):
        raise ValueError('an operation is expected, like "orders.2026-01-01.getOrder"')
    try:
        return _catalogue().find(value)
    except CatalogueError as error:
        raise ValueError(str(error)) from None


OperationName = Annotated[
    Operation,
    PlainValidator(_operation),
    WithJsonSchema({"type": "string", "minLength": 1, "description": "`spapi-router operations list` shows them all"}),
]


class SpapiCallSettings(AccountKeys):
    """The keys of a `spapi` handler. A key stands after those that its check asks for."""

    operation: OperationName
    parameters: dict[str, Structure] = Field(default={}, validate_default=True)
    body: Structure | None = Field(default=None, validate_default=True)
    restricted: list[str] | None = None
    pages: Literal["first", "all"] = "first"
    most: Annotated[int, Field(ge=1, le=1000)] = 100
    """Pages that are gathered at most."""
    max_answer: Size = 8 << 20
    expect: Expectation | None = None
    """What the answer must say, where one of 200 may tell of a failure."""
    result: Structure | None = None
    """What is handed on in place of the answer; its templates see that as `answer`."""

    @field_validator("parameters")
    @classmethod
    def _known(cls, parameters: dict[str, Structure], info: ValidationInfo) -> dict[str, Structure]:
        operation = info.data.get("operation")
        if operation is not None:
            _checked(lambda: check_names(operation, parameters))
            for parameter in operation.parameters:
                _check_shape(operation, parameter.name, parameter.array, parameters.get(parameter.name))
        return parameters

    @field_validator("body")
    @classmethod
    def _wanted(cls, body: Structure | None, info: ValidationInfo) -> Structure | None:
        operation = info.data.get("operation")
        if operation is None or operation.takes_body == (body is not None):
            return body
        if body is not None:
            raise ValueError(f"{operation.full_name} takes no body")
        raise ValueError(f'{operation.full_name} needs a body: a table of templates, or "{{result}}" in a chain')

    @field_validator("restricted")
    @classmethod
    def _elements(cls, elements: list[str] | None, info: ValidationInfo) -> list[str] | None:
        operation = info.data.get("operation")
        if operation is not None and elements is not None:
            parts = RequestParts(operation.method, operation.path)
            _checked(lambda: restriction("", operation, parts, elements))
        return elements

    @field_validator("pages")
    @classmethod
    def _paged(cls, pages: str, info: ValidationInfo) -> str:
        operation = info.data.get("operation")
        if operation is not None and pages == "all" and token_parameter(operation) is None:
            raise ValueError(f"{operation.full_name} has no pages: leave the key out")
        return pages


def _checked(check: Any) -> None:
    try:
        check()
    except CatalogueError as error:
        raise ValueError(str(error)) from None


def _check_shape(operation: Operation, name: str, array: str | None, given: Structure | None) -> None:
    """Refuse what no notification could make right: a table, or a list where one value goes."""
    source = given.source if given is not None else None
    if isinstance(source, Mapping):
        raise ValueError(f"{operation.full_name}: {name} takes no table")
    if isinstance(source, list) and array is None:
        raise ValueError(f"{operation.full_name}: {name} takes one value, not a list")


class SpapiCallHandler(Handler[SpapiCallSettings]):
    """Calls one operation for each delivery, within the usage plan of the delivery's account."""

    Settings: ClassVar[type[BaseModel]] = SpapiCallSettings
    needs: ClassVar[tuple[str, ...]] = ("spapi",)

    def __init__(self, settings: SpapiCallSettings, context: HandlerContext) -> None:
        super().__init__(settings, context)
        self._begun: dict[int, Pages] = {}

    async def start(self) -> None:
        """Raises SettingsError where there is no client to call with."""
        shared_client(self.context)

    async def handle(self, delivery: Delivery) -> Outcome:
        """The call and, with `pages = "all"`, its further pages. A full usage plan postpones the rest of them."""
        pages = self._begun.pop(delivery.id, None) or Pages()
        resumed = pages.number > 0
        try:
            client = await shared_client(self.context).get()
            await self._gather(client, delivery, pages)
        except HandlerError as error:
            return self._failed(delivery.id, pages, resumed, error)
        return self._done(pages, delivery)

    def preview(self, delivery: Delivery) -> list[Request]:
        """The request, with `***` for its token."""
        call = self._call(delivery)
        parts = build(call.operation, call.arguments, call.body)
        base = self.settings.endpoint(delivery.document, call.marketplace_ids)
        headers = dict(parts.headers) | {"x-amz-access-token": "***"}
        whom = self.settings.seller(delivery.document) or "the only account"
        body = parts.content.decode() if parts.content is not None else None
        return [Request(f"{parts.method} {base}{parts.target} for {whom}", headers, body)]

    def _call(self, delivery: Delivery) -> Call:
        """Raises TemplateError."""
        settings, document = self.settings, delivery.document
        return Call(
            settings.operation,
            {name: value.render(document) for name, value in settings.parameters.items()},
            settings.body.render(document) if settings.body is not None else None,
            restricted=settings.restricted,
            ticket=ticket_of(delivery),
            patience=PATIENCE,
        )

    async def _gather(self, client: SpapiClient, delivery: Delivery, pages: Pages) -> None:
        settings = self.settings
        call = self._call(delivery)
        account = await settings.choose(client.accounts, delivery.document, call.marketplace_ids)
        most = settings.most if settings.pages == "all" else 1
        while pages.more and pages.number < most and pages.size <= settings.max_answer:
            ticket = (call.ticket, pages.number)
            page = replace(call, account=account, arguments=pages.arguments(call), ticket=ticket)
            pages.add(call, await client.send(page))

    def _failed(self, delivery_id: int, pages: Pages, resumed: bool, error: HandlerError) -> Outcome:
        """Keep the pages that are in for the next run, unless Amazon no longer takes the token of the next one."""
        again = isinstance(error, SpapiFault) and error.retryable
        if resumed and not again:
            return Retry(f"the pages begin again, because the next one was refused: {error}")
        if pages.number and again:
            self._keep(delivery_id, pages)
        return outcome_of(error)

    def _keep(self, delivery_id: int, pages: Pages) -> None:
        """Keep pages within bounds: what nobody comes back for, as a superseded delivery does not, goes first."""
        self._begun[delivery_id] = pages
        size = sum(kept.size for kept in self._begun.values())
        while len(self._begun) > 1 and (len(self._begun) > _MOST_BEGUN or size > _MOST_KEPT):
            size -= self._begun.pop(next(iter(self._begun))).size

    def _done(self, pages: Pages, delivery: Delivery) -> Outcome:
        last = pages.last
        if last is None:
            raise HandlerError("no page was fetched")
        single = pages.number == 1
        content = last.content if single else pages.content()
        facts = [str(last.status)] + ([] if single else [f"{pages.number} pages"])
        if pages.more and self.settings.pages == "all":
            facts.append("more pages follow than `most` or `max_answer` let in")
            self._warn("pages_cut", pages=pages.number)
        if len(content) > self.settings.max_answer:
            facts.append(f"longer than max_answer ({self.settings.max_answer} bytes), so there is no result to hand on")
            self._warn("result_too_long", bytes=len(content))
        kept = b"" if self.settings.restricted is not None else content[:KEPT]
        done = Done(None, last.status, ", ".join(facts), kept, last.request_id)
        judged = self.settings.expect.judge(done, content) if self.settings.expect else done
        if isinstance(judged, Dead) or len(content) > self.settings.max_answer:
            return judged
        return replace(done, result=self._result(content, pages.answer, delivery))

    def _result(self, content: bytes, answer: Any, delivery: Delivery) -> bytes | None:
        """What is handed on in a chain. Raises TemplateError."""
        if self.settings.result is None:
            return content or None
        return written(self.settings.result.render({**delivery.document, "answer": answer}))

    def _warn(self, event: str, **facts: Any) -> None:
        self.context.log.warning(event, extra={"facts": {"handler": self.context.name} | facts})
