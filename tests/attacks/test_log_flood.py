"""Nonsense by the thousand: the log keeps room for what matters, and the counters count all of it."""

import asyncio
import json
from collections import Counter
from pathlib import Path

from tests.attacks.forge import Forge
from tests.attacks.kinds.confirmations import KIND
from tests.attacks.row import Script, Visit
from tests.attacks.stage import Stage
from tests.attacks.wire import exchange

NONSENSE = b"POST /sns HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
LAST = NONSENSE.replace(b"Host: x", b"Host: x\r\nConnection: close")
NO_HTTP = Script((b"NONSENSE\r\n\r\n",))


async def test_nonsense_by_the_thousand_is_some_lines_of_the_log(forge: Forge, tmp_path: Path) -> None:
    async with Stage(KIND, forge, tmp_path) as stage:
        pushes = Script((NONSENSE * 399 + LAST,))
        for _ in range(5):
            assert len(await exchange(stage.host, stage.port, pushes)) == 400
        await asyncio.gather(*(exchange(stage.host, stage.port, NO_HTTP) for _ in range(300)))
        forged = forge.tampered(Message="{}")
        assert [str(each) for each in await stage.say(forged)] == ["403 signature"]
        await stage.process.event("push_refused", reason="signature", within=60.0)
        lines = [json.loads(line) for line in stage.process.lines]
        counts = Counter(each.get("reason", each["event"]) for each in lines)
        assert 100 <= counts["type"] < 400
        assert 100 <= counts["bad_http"] < 250
        (page,) = await stage.visit(Visit("/metrics"))
        assert b'spapi_router_refused_total{reason="type"} 2000.0' in page.body
