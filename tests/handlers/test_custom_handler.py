"""The example in examples/custom-handler does what its README says."""

import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handlers.base import Dead, Delivery, Done, HandlerContext, Retry, TemplateError
from receiver.config import load
from receiver.notification import Envelope, read

Deliver = Callable[..., Delivery]


@pytest.fixture
def folder(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example on the import path."""
    copy = tmp_path / "example"
    shutil.copytree(root / "examples" / "custom-handler", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(copy)
    yield copy
    sys.modules.pop("price_table", None)


@pytest.fixture
async def handler(folder: Path, clock: Any) -> Any:
    spec = load(folder / "rules.toml").handlers["prices"]
    context = HandlerContext("prices", logging.getLogger("test"), clock, folder)
    handler = spec.factory(spec.settings, context)
    await handler.start()
    yield handler
    await handler.close()


@pytest.fixture
def change(shared: Path) -> dict[str, Any]:
    """Amazon's own example of the notification."""
    message: dict[str, Any] = json.loads((shared / "spapi/notifications/ANY_OFFER_CHANGED.json").read_text())
    return message


def arrived(change: dict[str, Any], delivery: Deliver, **times: float) -> Delivery:
    topic = "arn:aws:sns:us-east-1:123456789012:sp-api-offers"
    (notification,) = read(Envelope(json.dumps(change), "m-1", topic, 1.0))
    return delivery(notification.document, **{"event_time": notification.event_time} | times)


def rows(folder: Path) -> list[Any]:
    with sqlite3.connect(folder / "prices.db") as connection:
        found = connection.execute("SELECT marketplace, asin, amount, currency, since FROM prices").fetchall()
    connection.close()
    return found


async def test_a_price_is_kept(handler: Any, folder: Path, change: dict[str, Any], delivery: Deliver) -> None:
    for _ in range(2):
        assert await handler.handle(arrived(change, delivery)) == Done(detail="123: 10.0 USD")
    assert rows(folder) == [("ATVPDKIKX0DER", "123", 10.0, "USD", 1594669324.284)]


async def test_the_newest_price_stays(handler: Any, folder: Path, change: dict[str, Any], delivery: Deliver) -> None:
    price = change["Payload"]["AnyOfferChangedNotification"]["Summary"]["BuyBoxPrices"][0]["LandedPrice"]
    for amount, event_time in ((9.0, 200.0), (8.0, 300.0), (7.0, 100.0)):
        price["Amount"] = amount
        assert isinstance(await handler.handle(arrived(change, delivery, event_time=event_time)), Done)
    assert [(row[2], row[4]) for row in rows(folder)] == [(8.0, 300.0)]


async def test_what_can_never_work_is_dead(handler: Any, change: dict[str, Any], delivery: Deliver) -> None:
    notification = change["Payload"]["AnyOfferChangedNotification"]
    notification["Summary"]["BuyBoxPrices"] = []
    outcome = await handler.handle(arrived(change, delivery))
    assert outcome == Dead("there is no Buy Box price for condition 'new'")
    del notification["OfferChangeTrigger"]["ASIN"]
    with pytest.raises(TemplateError, match="ASIN is missing"):
        await handler.handle(arrived(change, delivery))


async def test_a_locked_table_is_tried_again(
    folder: Path, clock: Any, change: dict[str, Any], delivery: Deliver
) -> None:
    rules = folder / "rules.toml"
    text = rules_with(rules, 'patience = "10ms"')
    assert "patience" in text
    spec = load(rules).handlers["prices"]
    handler = spec.factory(spec.settings, HandlerContext("prices", logging.getLogger("test"), clock, folder))
    await handler.start()
    other = sqlite3.connect(folder / "prices.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert await handler.handle(arrived(change, delivery)) == Retry(f"{folder / 'prices.db'}: database is locked")
    other.close()
    assert isinstance(await handler.handle(arrived(change, delivery)), Done)
    await handler.close()


def rules_with(rules: Path, line: str) -> str:
    """Add a line to the handler's table."""
    text = rules.read_text().replace('database = "prices.db"', f'{line}\ndatabase = "prices.db"')
    rules.write_text(text)
    return text


def test_a_wrong_key_is_reported_like_any_other(folder: Path) -> None:
    rules_with(folder / "rules.toml", "conditon = 'used'")
    checked = command(folder, "check", str(folder / "rules.toml"))
    assert checked.returncode == 1
    assert "handlers.prices.conditon" in checked.stdout + checked.stderr
    assert "condition" in checked.stdout + checked.stderr


def test_check_and_explain_know_the_handler(folder: Path, shared: Path) -> None:
    checked = command(folder, "check", "--strict", str(folder / "rules.toml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    message = str(shared / "spapi/notifications/ANY_OFFER_CHANGED.json")
    explained = command(folder, "explain", "--config", str(folder / "rules.toml"), message)
    assert explained.returncode == 0, explained.stderr
    assert "write ('ATVPDKIKX0DER', '123', 10.0, 'USD'," in " ".join(explained.stdout.split())


def test_check_says_what_to_do_where_the_module_is_not_found(folder: Path, tmp_path: Path) -> None:
    checked = command(tmp_path, "check", str(folder / "rules.toml"))
    assert checked.returncode == 1
    assert "there is no module price_table" in checked.stdout + checked.stderr
    assert "PYTHONPATH" in checked.stdout + checked.stderr


def command(python_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(python_path), "COLUMNS": "400"}
    program = [sys.executable, "-c", "from receiver.cli import main; main()"]
    return subprocess.run(
        [*program, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
