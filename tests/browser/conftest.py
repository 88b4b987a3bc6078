"""A real daemon with its simulators, and a real Chromium in front of its console."""

import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from receiver.demo.child import Child
from receiver.simulators.sink import Sink
from receiver.simulators.sns import SimulatedSns

_PATIENCE = 60_000
"""Milliseconds for what a page is to show: Playwright's own five seconds are too few on a busy machine."""
_LOOKS = 1000
expect.set_options(timeout=_PATIENCE)

TOKEN = "3f9c2a7d5e8b4c1d6a0f9e2b7c4d8a1e"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
RULES = """
[log]
format = "json"

[console]
token = { env = "CONSOLE_TOKEN" }

[[rules]]
name = "orders"
match.type = ["ORDER_CHANGE"]
handlers = ["erp"]

[[rules]]
name = "only shipped"
match.payload.OrderChangeNotification.Summary.OrderStatus = ["Shipped"]
handlers = ["erp"]
"""


@dataclass
class Scene:
    """A running daemon and what stands around it."""

    url: str
    """Where pushes go."""
    admin: str
    sns: SimulatedSns
    sink: Sink
    child: Child
    complaints: list[str]

    async def push(self, order_id: str, **more: Any) -> None:
        """Have a changed order pushed."""
        await self.publish(order(order_id, **more))

    async def publish(self, notification: Any, **more: Any) -> None:
        """Have a notification pushed."""
        answer = await self.sns.publish(self.url, notification, **more)
        assert answer.status == 200, answer.text


def order(order_id: str, **more: Any) -> Mapping[str, Any]:
    """A changed order."""
    summary = {"OrderStatus": "Unshipped", "OrderItems": [{"SellerSKU": "MUG-42"}]}
    payload = {"SellerId": "A3TH9S8BH6GOGM", "AmazonOrderId": order_id, "Summary": summary}
    return {
        "NotificationType": "ORDER_CHANGE",
        "EventTime": "2026-01-01T00:00:00Z",
        "Payload": {"OrderChangeNotification": payload},
        "NotificationMetadata": {"NotificationId": str(uuid4())},
    } | more


@pytest.fixture
async def scene(
    tmp_path: Path,
    sns: SimulatedSns,
    sink: Sink,
    write_rules: Callable[..., str],
    forward_to: Callable[..., str],
) -> AsyncIterator[Scene]:
    rules = tmp_path / "rules.toml"
    rules.write_text(write_rules(RULES + forward_to("erp", 'retry = { attempts = 2, first = "10ms", most = "20ms" }')))
    complaints: list[str] = []
    child = await Child.start(rules, {"CONSOLE_TOKEN": TOKEN}, complaints.append)
    try:
        addresses = await child.ready()
        yield Scene(f"http://{addresses.public}/sns", f"http://{addresses.admin}", sns, sink, child, complaints)
    finally:
        await child.stop()


@dataclass
class Visitor:
    """A browser window whose complaints fail the test."""

    browser: Browser
    scene: Scene
    problems: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)
    token: str = TOKEN

    async def window(self, **options: Any) -> Page:
        """A new window that nobody has logged in with."""
        context = await self.browser.new_context(base_url=self.scene.admin, **options)
        context.set_default_timeout(_PATIENCE)
        self.contexts.append(context)
        page = await context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))
        return page

    async def enter(self, path: str = "/", **options: Any) -> Page:
        """A new window, logged in, at a page."""
        page = await self.window(**options)
        await page.goto(path)
        await page.get_by_label("Token").fill(TOKEN)
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url(f"**{path}")
        return page

    async def shown(self, page: Page, path: str, text: str) -> None:
        """Wait until a page of the window's visitor has a text in its source."""
        for _ in range(_LOOKS):
            if text in await (await page.request.get(path)).text():
                return
            await page.wait_for_timeout(50)
        pytest.fail(f"{path} never had {text!r}")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"{message.type}: {message.text}")


@pytest.fixture
async def visitor(scene: Scene) -> AsyncIterator[Visitor]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine: install the package chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        visitor = Visitor(browser, scene)
        yield visitor
        for context in visitor.contexts:
            await context.close()
        await browser.close()
    assert visitor.problems == []
