"""Every curl line of the page on the API is run against a router, and does what the page says."""

import asyncio
import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from receiver.inbox import State
from receiver.simulators.sink import Behaviour, Sink
from receiver.simulators.sns import SimulatedSns

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text("utf-8")
BLOCK = re.compile(r"^```sh (api|socket)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOKEN = "c4b1e2a0f6d94bb7a1f0e2"
ORDER = {
    "NotificationType": "ORDER_CHANGE",
    "Payload": {"OrderChangeNotification": {"AmazonOrderId": "903-8868176-2219830", "SellerId": "A3TH9S8BH6GOGM"}},
}
RULE = '[[rules]]\nname = "orders"\nhandlers = ["erp"]\n[console]\ntoken = { env = "CONSOLE_TOKEN" }\n'


@pytest.fixture
async def router(
    start_router: Any, write_rules: Any, forward_to: Any, sns: SimulatedSns, sink: Sink, monkeypatch: Any
) -> Any:
    """A router at which an order died."""
    monkeypatch.setenv("CONSOLE_TOKEN", TOKEN)
    router = await start_router(write_rules(forward_to("erp", "retry = { attempts = 1 }") + RULE))
    sink.behave(Behaviour(status=400), times=1)
    await sns.publish(router.url, ORDER)
    while (await router.inbox.delivery(1)).state != State.DEAD:
        await asyncio.sleep(0.01)
    return router


async def run(text: str, folder: Path, admin: str) -> Any:
    """What a block prints, as JSON; its address is that of the router."""
    environment = {"PATH": os.environ["PATH"], "TOKEN": TOKEN, "API": f"{admin}/api/v1", "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        "bash", "-ec", text.replace("http://127.0.0.1:9090", admin), cwd=folder, env=environment, stdout=-1, stderr=-1
    )
    out, said = await process.communicate()
    assert process.returncode == 0, f"{text}\n{out.decode()}{said.decode()}"
    return json.loads(out)


async def test_the_page_is_true_from_top_to_bottom(router: Any, tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text(json.dumps(ORDER))
    blocks = [text for needs, text in BLOCK.findall(PAGE) if needs == "api"]
    said = [await run(text, tmp_path, router.admin) for text in blocks]
    stats, found, journey, dead, dry, done, cancelled, audit, explained = said
    assert stats["notifications"] == 1
    assert found["items"][0]["states"] == {"dead": 1}
    assert journey["deliveries"][0]["history"][0]["status"] == 400
    assert [each["id"] for each in dead["items"]] == [1]
    shown = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
    assert dry == shown[1]
    assert (done["dry_run"], done["matched"], done["done"]) == (False, 1, 1)
    assert cancelled["skipped"][-1] == 2
    assert [entry["ids"] for entry in audit["items"]] == [[1]]
    assert explained["notifications"][0]["rules"][0]["fired"] is True


async def test_the_problem_shown_is_the_one_answered(router: Any, tmp_path: Path) -> None:
    answered = await run('curl -s -H "Authorization: Bearer $TOKEN" "$API/notifications?typ=x"', tmp_path, router.admin)
    assert answered == json.loads(re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[-1])


async def test_the_unix_socket_needs_no_token(start_router: Any, write_rules: Any, tmp_path: Path) -> None:
    place = tmp_path / "admin.sock"
    router = await start_router(write_rules("").replace('admin = "127.0.0.1:0"', f'admin = "unix:{place}"'))
    (text,) = [text for needs, text in BLOCK.findall(PAGE) if needs == "socket"]
    assert shlex.split(text)[0] == "curl"
    stats = await run(text.replace("/run/spapi-router/admin.sock", str(place)), tmp_path, router.admin)
    assert stats["notifications"] == 0


async def test_every_path_of_the_document_is_on_the_page(router: Any, tmp_path: Path) -> None:
    described = await run('curl -s -H "Authorization: Bearer $TOKEN" "$API/openapi.json"', tmp_path, router.admin)
    absent = [path for path in described["paths"] if path.replace("/{id}", "") not in PAGE]
    assert absent == []
