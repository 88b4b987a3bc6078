"""A receiver of SNS pushes for the simulators to push to."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from receiver.simulators.listener import Listener


@dataclass
class Endpoint:
    """Takes pushes on any path, answers as planned, and confirms subscriptions as it is told."""

    confirms: bool = True
    statuses: list[int] = field(default_factory=list)
    """Answers to give first; 200 after them."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Notifications are answered only while it is set."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    confirmation: str = ""
    under_way: int = 0
    most_under_way: int = 0
    url: str = ""
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        message = json.loads(body)
        self.bodies.append(body)
        self.messages.append(message)
        self.headers.append(dict(request.headers))
        async with self.arrived:
            self.arrived.notify_all()
        if message["Type"] == "SubscriptionConfirmation" and self.confirms:
            await self.confirm(message["SubscribeURL"])
        if message["Type"] == "Notification":
            await self.dawdle()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, text=f"answer {status}", headers={"Location": "/elsewhere"})

    async def dawdle(self) -> None:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.gate.wait()
        self.under_way -= 1

    async def confirm(self, url: str) -> None:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            self.confirmation = await response.text()

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(lambda: len(self.messages) >= count)

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["Type"] == kind]


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    """An endpoint on loopback that takes everything."""
    endpoint = Endpoint()
    endpoint.gate.set()
    application = web.Application()
    application.router.add_post("/{path:.*}", endpoint.take)
    async with Listener(application) as listener:
        endpoint.url = listener.url + "sns"
        yield endpoint
        endpoint.gate.set()
