"""A confirmation that SNS signed, sent many times at once while SNS does not answer: others wait for none of it."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.attacks.egress import hanging
from tests.attacks.forge import TOKEN, TOPIC, Forge, subscribe_url
from tests.attacks.kinds.confirmations import KIND
from tests.attacks.row import Post
from tests.attacks.stage import Stage
from tests.attacks.wire import as_script, exchange, summary
from tests.faults.scene import until


async def test_many_copies_of_a_confirmation_ask_sns_once(forge: Forge, tmp_path: Path) -> None:
    """A thousand copies had every push of others refused for eight seconds, and SNS asked a thousand times."""
    async with Stage(KIND, forge, tmp_path) as stage:
        stage.egress.pages = {subscribe_url(TOPIC, TOKEN): hanging}
        stage.egress.asked.clear()

        async def post(fields: Mapping[str, Any]) -> str:
            script = as_script(Post(json.dumps(dict(fields)).encode()), "door")
            return summary(await exchange(stage.host, stage.port, script))

        async def asked() -> bool:
            return bool(stage.egress.asked)

        confirmation = forge.confirmation()
        first = asyncio.create_task(post(confirmation))
        await until(asked, within=20)
        told = Counter(await asyncio.gather(*(post(confirmation) for _ in range(50))))
        assert not first.done(), "the copies were answered before SNS gave up"
        assert told == {"503 confirmation_unavailable": 50}
        assert await post(forge.notification()) == "200 accepted"
        assert await first == "503 confirmation_unavailable"
        assert len(stage.egress.asked) == 1
