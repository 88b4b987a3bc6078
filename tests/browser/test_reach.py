"""The console for everybody: on a phone, by keyboard alone, without a script, in light and dark."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from receiver.simulators.sink import Behaviour

ORDER = "903-8868176-2219830"
LONG = "X" * 300
A_DEAD = 'name="id" value="'
"""In the source of the list of dead letters where there is one."""
PAGES = (
    "/",
    "/live",
    "/search?q=903",
    "/notifications/1",
    "/notifications/2",
    "/dead",
    "/rules",
    "/accounts",
    "/audit",
)

CONTRAST = """() => {
  const parse = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
  const channel = (value) => value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) { return colour; }
    }
    const canvas = document.body.appendChild(document.createElement("i"));
    canvas.style.backgroundColor = "Canvas";
    const colour = parse(getComputedStyle(canvas).backgroundColor);
    canvas.remove();
    return colour;
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("svg, .hidden, noscript")) {
      continue;
    }
    const [light, dark] = [luminance(parse(getComputedStyle(element).color)), luminance(ground(element))]
      .sort((a, b) => b - a);
    if ((light + 0.05) / (dark + 0.05) < 4.5) {
      poor.push(`${element.tagName}.${element.className}: ${walker.currentNode.data.trim().slice(0, 40)}`);
    }
  }
  return poor;
}"""
"""Texts with less contrast to their ground than WCAG 2.2 asks of small text (success criterion 1.4.3)."""

UNNAMED = """() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a, summary")]
  .filter((each) => each.checkVisibility() && !(each.labels?.length || each.textContent.trim()
    || each.getAttribute("aria-label")))
  .map((each) => each.outerHTML)"""
TWICE = """() => { const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place); }"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def _filled(scene: Any) -> None:
    """An inbox with an order that is dead, and a notification of long names."""
    scene.sink.behave(Behaviour(status=422, body='{"error": "' + LONG + '"}'))
    await scene.push(ORDER)
    await scene.publish({"NotificationType": LONG, "Payload": {"SellerId": LONG, "orderId": LONG[:80], "text": LONG}})


async def test_every_page_fits_on_a_phone_and_can_be_read_in_light_and_dark(scene: Any, visitor: Any) -> None:
    await _filled(scene)
    page = await visitor.enter("/", viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    await visitor.shown(page, "/dead", A_DEAD)
    await _fits(page)
    for scheme in ("light", "dark"):
        window = await visitor.window(color_scheme=scheme)
        await window.goto("/login")
        assert await window.evaluate(CONTRAST) == []
        await window.get_by_label("Token").fill(visitor.token)
        await window.keyboard.press("Enter")
        await window.wait_for_url("**/")
        await _can_be_read(window)


async def _fits(page: Page) -> None:
    """No page is wider than the window, with everything opened."""
    for path in PAGES:
        await page.goto(path)
        await page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
        assert await page.evaluate(WIDER) <= 0, path
    await page.goto("/dead")
    await page.get_by_role("button", name="Replay all 1").click()
    assert await page.evaluate(WIDER) <= 0


async def _can_be_read(page: Page) -> None:
    """Every text has contrast, every control a name, every page one heading and no id twice."""
    for path in PAGES:
        await page.goto(path)
        assert await page.evaluate(CONTRAST) == [], path
        assert await page.evaluate(UNNAMED) == [], path
        assert await page.evaluate(TWICE) == [], path
        assert await page.locator("h1").count() == 1, path


async def test_the_keyboard_alone_leads_from_the_search_to_a_replay(scene: Any, visitor: Any) -> None:
    await _filled(scene)
    page = await visitor.enter("/")
    await visitor.shown(page, "/dead", A_DEAD)
    scene.sink.behave(Behaviour())
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.keyboard.press("/")
    await page.keyboard.type(ORDER)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/search?*")
    await _tab_to(page, "1")
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/notifications/1")
    await _tab_to(page, "Replay")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/replay")
    await _tab_to(page, "Replay 1")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/notifications/1*")
    await scene.sink.wait_for(1)


async def _tab_to(page: Page, name: str) -> None:
    """Press the Tab key until the control of a name has the focus."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    pytest.fail(f"the Tab key never leads to {name}")


async def test_everything_works_without_a_script(scene: Any, visitor: Any) -> None:
    await _filled(scene)
    page = await visitor.enter("/", java_script_enabled=False)
    await expect(page.locator("svg.chart.wide").first).to_be_visible()
    await page.get_by_role("link", name="Live").click()
    await expect(page.locator("#tail tr")).to_have_count(2)
    assert 'http-equiv="refresh"' in await page.content()
    await expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    await page.get_by_placeholder("Order id, ASIN").fill(ORDER)
    await page.get_by_role("button", name="Search").first.click()
    await page.locator("tbody th a").click()
    await visitor.shown(page, page.url, '<li class="dead"')
    await page.reload()
    await page.get_by_text("Request, as").click()
    await expect(page.locator("pre", has_text="webhook-signature")).to_be_visible()
    scene.sink.behave(Behaviour())
    await page.get_by_role("button", name="Replay").click()
    await page.get_by_role("button", name="Replay 1").click()
    await scene.sink.wait_for(1)
    await page.goto("/rules")
    await page.get_by_label("An SNS message").fill("{}")
    await page.get_by_role("button", name="Explain").click()
    await expect(page.get_by_text("no rule fires")).to_be_visible()
