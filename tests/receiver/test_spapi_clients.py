"""SP-API clients of a daemon, and rules files that need one."""

from pathlib import Path
from typing import Any

import pytest

from receiver.config import load
from receiver.errors import ConfigError
from receiver.spapi import SpapiClients

RULES = """
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]
{spapi}
[handlers.order]
type = "spapi"
operation = "orders.2026-01-01.getOrder"
parameters = {{ orderId = "{{payload.OrderChangeNotification.AmazonOrderId}}" }}
[[rules]]
name = "orders"
match.type = ["ORDER_CHANGE"]
handlers = ["order"]
"""
SECTION = '[spapi]\nclient_id = {{ env = "{name}" }}\nclient_secret = {{ env = "S" }}\n'


def loaded(path: Path, name: str) -> Any:
    path.write_text(RULES.format(spapi=SECTION.format(name=name)))
    return load(path)


async def test_a_section_has_one_client_and_a_changed_one_another(tmp_path: Path) -> None:
    clients = SpapiClients()
    first, again, other = (loaded(tmp_path / "rules.toml", name).spapi for name in ("A", "A", "B"))
    assert clients.of(first) is clients.of(again)
    assert clients.of(other) is not clients.of(first)
    assert (await clients.of(first).get()).find("getReport").api == "reports"
    await clients.close()


def test_a_handler_without_the_section_it_needs_is_an_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(RULES.format(spapi=""))
    with pytest.raises(ConfigError) as caught:
        load(path)
    (line,) = str(caught.value).splitlines()
    assert line.endswith(
        'rules.toml:6: handlers.order.type: "spapi" needs a section [spapi], which is not in this file'
    )


def test_a_misspelt_parameter_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(RULES.format(spapi=SECTION.format(name="A")).replace("orderId =", "orderID ="))
    with pytest.raises(ConfigError, match=r"rules\.toml:\d+: handlers\.order\.parameters: .*did you mean 'orderId'"):
        load(path)
