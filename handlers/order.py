"""`type = "order"`: fetch the order that a notification tells of, with its items.

Source: "Get order information" and "Access Orders PII" of Amazon's SP-API guide: Orders v2026-01-01 returns all items
with the order, and personal data by `includedData` instead of a restricted data token.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import orjson
from pydantic import BaseModel, Field

from handlers.answers import KEPT
from handlers.base import Dead, Delivery, Done, Handler, Outcome, Request
from handlers.errors import HandlerError, TemplateError
from handlers.spapi.account_keys import AccountKeys
from handlers.spapi.call import Call, Response
from handlers.spapi.catalogue import Catalogue
from handlers.spapi.operation import Operation
from handlers.spapi.outcomes import outcome_of
from handlers.spapi.request import build
from handlers.spapi.shared import PATIENCE, shared_client
from handlers.spapi.ticket import ticket_of
from handlers.template import Template

_OPERATION = "orders.2026-01-01.getOrder"
_BUYER_DATA = ("BUYER", "RECIPIENT")
_HOLDERS = ("OrderChangeNotification", "orderChangeNotification", "OrderStatusChangeNotification")
_NAMES = ("AmazonOrderId", "amazonOrderId", "orderId")

DataSet = Literal["PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES"]


class OrderSettings(AccountKeys):
    """The keys of an `order` handler."""

    order: Template | None = None
    """The order's id; without it, that of ORDER_CHANGE and other notifications that name an order."""
    included: list[DataSet] = Field(default=["FULFILLMENT", "PROCEEDS"])
    """Parts of the order beyond its items."""
    buyer_data: bool = False
    """Whether the buyer's and the recipient's names and addresses come along."""


class OrderHandler(Handler[OrderSettings]):
    """Calls getOrder; the result is `{"order": …, "items": […]}`."""

    Settings: ClassVar[type[BaseModel]] = OrderSettings
    needs: ClassVar[tuple[str, ...]] = ("spapi",)

    async def start(self) -> None:
        """Raises SettingsError where there is no client to call with."""
        shared_client(self.context)

    async def handle(self, delivery: Delivery) -> Outcome:
        document = delivery.document
        try:
            client = await shared_client(self.context).get()
            arguments = self._arguments(document)
            account = await self.settings.choose(client.accounts, document)
            operation = client.find(_OPERATION)
            call = Call(operation, arguments, account=account, ticket=ticket_of(delivery), patience=PATIENCE)
            return self._outcome(await client.send(call))
        except HandlerError as error:
            return outcome_of(error)

    def preview(self, delivery: Delivery) -> list[Request]:
        """The request, with `***` for its token."""
        settings, document = self.settings, delivery.document
        parts = build(_operation(), self._arguments(document))
        whom = settings.seller(document) or "the only account"
        line = f"GET {settings.endpoint(document)}{parts.target} for {whom}"
        return [Request(line, {"x-amz-access-token": "***"})]

    def _arguments(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Raises TemplateError."""
        settings = self.settings
        order_id = settings.order.text(document) if settings.order is not None else order_id_of(document)
        data = [*settings.included, *(_BUYER_DATA if settings.buyer_data else ())]
        return {"orderId": order_id, "includedData": data}

    def _outcome(self, response: Response) -> Outcome:
        answer = response.json if isinstance(response.json, Mapping) else {}
        order = answer.get("order")
        if not isinstance(order, Mapping):
            return Dead("the answer holds no order", response.status, request_id=response.request_id)
        items = order.get("orderItems")
        items = items if isinstance(items, list) else []
        rest = {name: value for name, value in order.items() if name != "orderItems"}
        result = orjson.dumps({"order": rest, "items": items})
        detail = f"order with {len(items)} item{'' if len(items) == 1 else 's'}"
        kept = b"" if self.settings.buyer_data else result[:KEPT]
        return Done(result, response.status, detail, kept, response.request_id)


def order_id_of(document: Mapping[str, Any]) -> str:
    """The order that a notification names. Raises TemplateError."""
    payload = document.get("payload")
    payload = payload if isinstance(payload, Mapping) else {}
    holders = [holder for holder in (*map(payload.get, _HOLDERS), payload) if isinstance(holder, Mapping)]
    found = [holder.get(name) for holder in holders for name in _NAMES]
    for order_id in found:
        if isinstance(order_id, str) and order_id:
            return order_id
    raise TemplateError('the notification names no order: say where it does, like order = "{payload.orderId}"')


def _operation() -> Operation:
    return Catalogue.load().find(_OPERATION)
