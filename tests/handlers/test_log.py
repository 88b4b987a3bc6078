"""The log handler."""

import logging
from typing import Any

import pytest

from handlers.base import Done, TemplateError
from receiver.events import JsonFormatter, TextFormatter


def only(caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    records = [record for record in caplog.records if record.name == "test"]
    assert len(records) == 1
    return records[0]


async def test_a_delivery_becomes_one_line_with_its_ids(
    make: Any, delivery: Any, caplog: pytest.LogCaptureFixture
) -> None:
    handler = await make("log")
    with caplog.at_level(logging.DEBUG, "test"):
        assert await handler.handle(delivery(key="k 1")) == Done(detail="logged")
    line = TextFormatter().format(only(caplog))
    assert 'info notification id=7 handler=erp rule=orders key="k 1" type=ORDER_CHANGE notification_id=n-1' in line
    assert "seller_id=A1" in line
    assert "marketplace_id" not in line


async def test_the_message_is_a_template_and_stays_one_line(
    make: Any, delivery: Any, caplog: pytest.LogCaptureFixture
) -> None:
    handler = await make("log", level="warning", message="order {payload.OrderChangeNotification.AmazonOrderId}")
    document = {"type": "X", "payload": {"OrderChangeNotification": {"AmazonOrderId": "1\n2"}}}
    await handler.handle(delivery(document))
    assert only(caplog).levelno == logging.WARNING
    assert r'message="order 1\n2"' in TextFormatter().format(only(caplog))
    assert "\n" not in JsonFormatter().format(only(caplog))


async def test_a_huge_message_is_cut(make: Any, delivery: Any, caplog: pytest.LogCaptureFixture) -> None:
    handler = await make("log", level="error", message="{payload.text}")
    await handler.handle(delivery({"payload": {"text": "x" * 100_000}}))
    assert len(only(caplog).facts["message"]) == 8192


async def test_a_missing_field_is_an_error_in_handle_and_preview(make: Any, delivery: Any) -> None:
    handler = await make("log", message="{payload.nothing}")
    with pytest.raises(TemplateError, match="nothing"):
        await handler.handle(delivery())
    with pytest.raises(TemplateError, match="nothing"):
        handler.preview(delivery())


async def test_the_preview_shows_the_line_without_logging_it(
    make: Any, delivery: Any, caplog: pytest.LogCaptureFixture
) -> None:
    handler = await make("log")
    (request,) = handler.preview(delivery())
    assert request.summary.startswith("log info: notification id=7 handler=erp rule=orders type=ORDER_CHANGE")
    assert not [record for record in caplog.records if record.name == "test"]


@pytest.mark.parametrize("keys", [{"level": "loud"}, {"colour": "red"}, {"message": "{open"}])
async def test_wrong_keys_are_refused(make: Any, keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(keys))):
        await make("log", **keys)
