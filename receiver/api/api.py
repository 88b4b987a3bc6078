"""The API put together: its operations and their addresses."""

import asyncio
from typing import Any

from aiohttp import web

from receiver.access import Access
from receiver.api.amazon import AccountList, Amazon, SubscriptionList, UsagePlanList
from receiver.api.audit import AuditLog, AuditPage, AuditQuery
from receiver.api.deliveries import Deliveries, DeliveryDetail, DeliveryPage, DeliveryQuery
from receiver.api.explained import MESSAGE, Explain, ExplainedMessage, ExplainQuery
from receiver.api.handlers import HandlerList, Handlers
from receiver.api.model import ById
from receiver.api.notifications import NotificationDetail, NotificationPage, NotificationQuery, Notifications
from receiver.api.openapi import document
from receiver.api.operation import Operation
from receiver.api.problems import problems
from receiver.api.repair import Cancel, Repaired, Repairs, Replay
from receiver.api.rules import RuleList, Rules, SinceQuery
from receiver.api.stats import Statistics, StatsAnswer
from receiver.desk import Desk
from receiver.world import World

PREFIX = "/api/v1"


class Api:
    """Adds itself to the application of the admin listener, below `/api/v1`."""

    def __init__(self, world: World, access: Access) -> None:
        self.operations = operations(world, access)
        self._described: dict[str, Any] | None = None

    def add_to(self, app: web.Application) -> None:
        """Add the operations, and the document that describes them, which is made when it is first asked for."""
        api = web.Application(middlewares=[problems])
        for operation in self.operations:
            add = api.router.add_get if operation.method == "GET" else api.router.add_post
            add(operation.path.replace("{id}", "{id:[0-9]+}"), operation.handle)
        api.router.add_get("/openapi.json", self._describe)
        app.add_subapp(PREFIX, api)

    async def _describe(self, _request: web.Request) -> web.Response:
        if self._described is None:
            self._described = await asyncio.to_thread(document, self.operations, PREFIX)
        return web.json_response(self._described)


def operations(world: World, access: Access) -> tuple[Operation, ...]:
    """Every operation, in the order of the document."""
    desk = Desk(world.config)
    return (
        *_of_notifications(Notifications(world, desk)),
        *_of_deliveries(Deliveries(world, desk)),
        *_of_repairs(Repairs(world, access)),
        *_of_rules(Rules(world), Explain(desk)),
        *_of_daemon(Handlers(world), Statistics(world), AuditLog(world)),
        *_of_amazon(Amazon(world)),
    )


def _of_notifications(notifications: Notifications) -> tuple[Operation, ...]:
    return (
        Operation(
            "listNotifications",
            "GET",
            "/notifications",
            "inbox",
            "List and search what was received, newest first.",
            notifications.list,
            NotificationPage,
            query=NotificationQuery,
        ),
        Operation(
            "showNotification",
            "GET",
            "/notifications/{id}",
            "inbox",
            "One notification with its journey: rules matched and why, deliveries, attempts.",
            notifications.show,
            NotificationDetail,
            path_model=ById,
        ),
    )


def _of_deliveries(deliveries: Deliveries) -> tuple[Operation, ...]:
    return (
        Operation(
            "listDeliveries",
            "GET",
            "/deliveries",
            "inbox",
            "List deliveries, newest first.",
            deliveries.list,
            DeliveryPage,
            query=DeliveryQuery,
        ),
        Operation(
            "showDelivery",
            "GET",
            "/deliveries/{id}",
            "inbox",
            "One delivery with its attempts and the tree of its chain.",
            deliveries.show,
            DeliveryDetail,
            path_model=ById,
        ),
    )


def _of_repairs(repairs: Repairs) -> tuple[Operation, ...]:
    return (
        Operation(
            "replayDeliveries",
            "POST",
            "/deliveries/replay",
            "repair",
            "Run finished deliveries again with fresh attempts: those named, or all that a filter means.",
            repairs.replay,
            Repaired,
            body=Replay,
            later=True,
        ),
        Operation(
            "cancelDeliveries",
            "POST",
            "/deliveries/cancel",
            "repair",
            "End deliveries that are not finished as dead: those named, or all that a filter means.",
            repairs.cancel,
            Repaired,
            body=Cancel,
            later=True,
        ),
    )


def _of_rules(rules: Rules, explain: Explain) -> tuple[Operation, ...]:
    return (
        Operation(
            "listRules",
            "GET",
            "/rules",
            "rules",
            "The rules in force, with how often each fired.",
            rules.list,
            RuleList,
            query=SinceQuery,
        ),
        Operation(
            "explainMessage",
            "POST",
            "/explain",
            "rules",
            "Say which rules a message matches, why not the others, and what would be sent. Nothing is sent.",
            explain.explain,
            ExplainedMessage,
            query=ExplainQuery,
            raw_body=MESSAGE,
        ),
    )


def _of_daemon(handlers: Handlers, statistics: Statistics, audit: AuditLog) -> tuple[Operation, ...]:
    return (
        Operation(
            "showStats",
            "GET",
            "/stats",
            "daemon",
            "The daemon in numbers.",
            statistics.show,
            StatsAnswer,
            query=SinceQuery,
        ),
        Operation(
            "listHandlers",
            "GET",
            "/handlers",
            "daemon",
            "The handlers, what waits for each, and how its breaker stands.",
            handlers.list,
            HandlerList,
        ),
        Operation(
            "listAudit",
            "GET",
            "/audit",
            "daemon",
            "What people did through the console and the API, newest first.",
            audit.list,
            AuditPage,
            query=AuditQuery,
        ),
    )


def _of_amazon(amazon: Amazon) -> tuple[Operation, ...]:
    return (
        Operation(
            "listAccounts",
            "GET",
            "/accounts",
            "amazon",
            "The seller accounts that are called for, never their tokens.",
            amazon.accounts,
            AccountList,
        ),
        Operation(
            "listUsagePlans",
            "GET",
            "/usage-plans",
            "amazon",
            "How far the usage plans of SP-API are used.",
            amazon.plans,
            UsagePlanList,
        ),
        Operation(
            "listSubscriptions",
            "GET",
            "/subscriptions",
            "amazon",
            "The SNS subscriptions of this daemon's URL.",
            amazon.subscriptions,
            SubscriptionList,
        ),
    )
