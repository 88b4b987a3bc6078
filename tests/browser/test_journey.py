"""What an operator does: from a seller's question to a delivery that has run again."""

from typing import Any

from playwright.async_api import Page, expect

from receiver.simulators.sink import Behaviour

ORDER = "903-8868176-2219830"
BROKEN = Behaviour(status=422, body='{"error": "no such warehouse"}')


async def test_an_order_is_followed_from_the_search_box_to_its_replayed_delivery(scene: Any, visitor: Any) -> None:
    scene.sink.behave(BROKEN)
    await scene.push("113-2646096-4474645")
    await scene.push(ORDER)
    page = await visitor.enter("/")
    await page.get_by_placeholder("Order id, ASIN").fill(ORDER)
    await page.keyboard.press("Enter")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.locator("tbody th a").click()
    await _until(visitor, page, "dead")
    leg = page.locator(".journey > li.dead")
    await expect(leg.locator(".attempts > li").first).to_contain_text("422")
    await leg.get_by_text("Answer").first.click()
    await expect(leg.locator(".attempts pre").first).to_contain_text("no such warehouse")
    await leg.get_by_text("Request, as").click()
    await expect(leg.locator("pre").last).to_contain_text("webhook-signature: v1,***")
    await expect(leg.locator("pre").last).to_contain_text(ORDER)
    await expect(page.get_by_text("fires")).to_be_visible()
    await page.get_by_text("1 other rule does not fire").click()
    await expect(page.locator(".verdicts").last).to_contain_text('is "Unshipped", wanted ["Shipped"]')

    scene.sink.behave(Behaviour())
    arrived = len(scene.sink.arrivals)
    await page.get_by_role("button", name="Replay").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Replay 1 delivery?")
    assert len(scene.sink.arrivals) == arrived
    await page.get_by_role("button", name="Replay 1").click()
    await page.wait_for_url("**/notifications/*")
    await _until(visitor, page, "done")
    (arrival,) = [each for each in scene.sink.arrivals if ORDER.encode() in each.body]
    assert arrival.headers["webhook-id"] in await page.content()

    await page.get_by_role("link", name="Audit").click()
    await expect(page.locator("tbody").first).to_contain_text("replay")
    await page.get_by_role("button", name="Log out").click()
    await page.goto("/search")
    await expect(page.get_by_label("Token")).to_be_visible()


async def _until(visitor: Any, page: Page, state: str) -> None:
    """Look again until the delivery is in a state."""
    await visitor.shown(page, page.url, f'<li class="{state}"')
    await page.reload()


async def test_dead_letters_run_again_by_selection_and_by_filter_after_a_look_at_counts(
    scene: Any, visitor: Any
) -> None:
    scene.sink.behave(BROKEN)
    for number in range(6):
        await scene.push(f"903-000000{number}-0000000")
    page = await visitor.enter("/dead")
    await visitor.shown(page, "/dead", "Replay all 6")
    await page.reload()
    scene.sink.behave(Behaviour())
    before = len(scene.sink.arrivals)

    await page.get_by_label("Delivery 2", exact=True).check()
    await page.get_by_label("Delivery 5", exact=True).check()
    await page.get_by_role("button", name="Replay selected").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Replay 2 deliveries?")
    await expect(page.locator("tbody")).to_contain_text("orders → erp")
    await page.get_by_role("link", name="Do nothing").click()
    await expect(page.locator("tbody tr")).to_have_count(6)
    assert len(scene.sink.arrivals) == before

    await page.get_by_label("Tick all on this page").check()
    await page.get_by_label("Delivery 6", exact=True).uncheck()
    await page.get_by_role("button", name="Replay selected").click()
    await page.get_by_role("button", name="Replay 5").click()
    await expect(page.get_by_text("5 deliveries wait to run again")).to_be_visible()
    await scene.sink.wait_for(before + 5)

    await page.get_by_label("handler").fill("elsewhere")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_text("no delivery is dead that is like that")).to_be_visible()
    await page.get_by_label("handler").fill("erp")
    await page.get_by_role("button", name="Show").click()
    await page.get_by_role("button", name="Replay all 1").click()
    await page.get_by_label("how fast").select_option("20 a second")
    await page.get_by_role("button", name="Replay 1").click()
    await expect(page.get_by_text("1 delivery waits to run again")).to_be_visible()
    await scene.sink.wait_for(before + 6)
    await page.get_by_role("link", name="Audit").click()
    await expect(page.locator("tbody").first).to_contain_text("handler=erp")
    await expect(page.locator("tbody").first).to_contain_text("rate=20/s")


async def test_a_pasted_message_is_explained_and_bad_input_is_told(scene: Any, visitor: Any) -> None:
    page = await visitor.enter("/rules")
    box = page.get_by_label("An SNS message")
    await box.fill('{"NotificationType": "ORDER_CHANGE", "Payload": {}}')
    await page.get_by_role("button", name="Explain").click()
    await expect(page.locator(".explained")).to_contain_text("fires orders")
    await expect(page.locator(".explained pre")).to_contain_text("POST")
    assert not scene.sink.arrivals
    await box.fill("{not json")
    visitor.problems.clear()
    await page.get_by_role("button", name="Explain").click()
    await expect(page.get_by_role("alert")).to_contain_text("the message is not JSON")
    await page.goto("/search?since=yesterday")
    await expect(page.get_by_role("alert")).to_contain_text("since is 'yesterday': write an age like 2h")
    await page.goto("/notifications/999999")
    await expect(page.get_by_role("heading", level=1)).to_have_text("There is no notification 999999")
    # Chromium itself reports every answer above 399 to its console.
    visitor.problems = [each for each in visitor.problems if "Failed to load resource" not in each]


async def test_the_live_tail_shows_what_arrives_and_what_becomes_of_it(scene: Any, visitor: Any) -> None:
    page = await visitor.enter("/live")
    await expect(page.get_by_role("status")).to_have_text("following")
    await scene.push(ORDER)
    row = page.locator("#tail tr").first
    await expect(row).to_contain_text(ORDER)
    await expect(row).to_contain_text("done")
    await page.get_by_role("button", name="Pause").click()
    await scene.push("113-2646096-4474645")
    await expect(page.get_by_role("status")).to_have_text("paused")
    await page.get_by_role("button", name="Follow").click()
    await expect(page.locator("#tail tr")).to_have_count(2)
    await scene.sink.wait_for(2)
    # A page that follows does not hold up the stop.
    assert await scene.child.stop() == 0
    visitor.problems = [each for each in visitor.problems if "ERR_" not in each]
