"""Whatever a sender, a destination or a visitor writes stays text."""

import json
from typing import Any
from urllib.parse import quote

from playwright.async_api import Page, expect

from receiver.simulators.sink import Behaviour

A_DEAD = 'name="id" value="'
"""In the source of the list of dead letters where there is one."""
SCRIPT = "<script>window.pwned=1</script>"
EVIL = f"\"'><img src=x onerror=window.pwned=1>{SCRIPT}</textarea></title><svg onload=window.pwned=1>{{{{7*7}}}}"
PAGES = (
    "/",
    "/live",
    "/search",
    f"/search?q={quote(EVIL)}&type={quote(EVIL)}&seller={quote(EVIL)}&since={quote(EVIL)}",
    f"/search?q={quote(EVIL)}&whole=1",
    f"/search?type={quote(EVIL)}",
    "/notifications/1",
    "/notifications/2",
    "/notifications/3",
    "/dead",
    f"/dead?handler={quote(EVIL)}&rule={quote(EVIL)}&key={quote(EVIL)}",
    "/rules",
    "/accounts",
    f"/audit?account={quote(EVIL)}",
)


def hostile() -> dict[str, Any]:
    """A notification of which every field is an attempt."""
    item = {"SellerSKU": EVIL[:80], "ASIN": EVIL[:80], "OrderItemId": EVIL, EVIL: EVIL}
    payload = {"SellerId": EVIL, "MarketplaceId": EVIL, "AmazonOrderId": EVIL[:80], "Summary": {"OrderItems": [item]}}
    return {
        "NotificationType": EVIL,
        "PayloadVersion": EVIL,
        "EventTime": EVIL,
        "Payload": {EVIL: payload, "OrderChangeNotification": payload},
        "NotificationMetadata": {"NotificationId": EVIL, EVIL: EVIL},
    }


async def _harmless(page: Page) -> None:
    """Nothing ran, and the page has the scripts and pictures of its template alone."""
    assert await page.evaluate("window.pwned") is None
    assert await page.locator("script").count() == 1
    assert await page.locator("img, svg[onload], [onerror]").count() == 0
    assert await page.title() == (await page.title()).replace("49", "")


async def test_no_field_that_a_stranger_controls_becomes_markup(scene: Any, visitor: Any) -> None:
    scene.sink.behave(Behaviour(status=422, body=EVIL))
    page = await visitor.enter("/live")
    await expect(page.get_by_role("status")).to_have_text("following")
    await scene.publish(hostile())
    await expect(page.locator("#tail tr")).to_contain_text("onerror")
    await _harmless(page)
    await scene.publish(
        hostile() | {"NotificationType": "ORDER_CHANGE", "NotificationMetadata": {"NotificationId": "b"}}
    )
    await scene.publish(EVIL, subject="subject " + EVIL[:60].replace("\n", " "))
    await visitor.shown(page, "/dead", A_DEAD)
    for path in PAGES:
        await page.goto(path)
        await _harmless(page)
    visitor.problems = [each for each in visitor.problems if "status of 400" not in each]
    await page.goto("/notifications/2")
    assert SCRIPT in await page.locator("main").inner_text()
    await page.get_by_role("button", name="Replay").click()
    await _harmless(page)
    await page.goto("/rules")
    await page.get_by_label("An SNS message").fill(json.dumps(hostile()))
    await page.get_by_role("button", name="Explain").click()
    await expect(page.locator(".explained")).to_be_visible()
    await _harmless(page)


async def test_a_form_of_another_site_changes_nothing(scene: Any, visitor: Any) -> None:
    scene.sink.behave(Behaviour(status=422))
    await scene.push("903-8868176-2219830")
    page = await visitor.enter("/dead")
    await visitor.shown(page, "/dead", A_DEAD)
    before = len(scene.sink.arrivals)
    await page.goto("about:blank")
    form = f'<form method="post" action="{scene.admin}/replay/confirmed"><input name="id" value="1"></form>'
    await page.set_content(form)
    await page.evaluate("document.forms[0].submit()")
    await page.wait_for_url("**/replay/confirmed")
    assert "Replay" not in (await page.title())
    await page.goto(f"{scene.admin}/audit")
    assert "replay" not in await page.locator("main").inner_text()
    assert len(scene.sink.arrivals) == before
    visitor.problems = [each for each in visitor.problems if "status of 40" not in each]
