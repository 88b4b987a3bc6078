"""The inbox encrypted, by the real process and its writer: killed under load, nothing is lost and nothing readable."""

import asyncio
import os
from typing import Any

import pytest

from tests.faults.scene import Rules, Scene

READABLE = ("DestinationPostalCode", "48110", "SellerSKU", "Signature", "200 OK")


async def test_an_encrypted_inbox_survives_kills(scene: Scene, figures: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INBOX_KEY", os.urandom(32).hex())
    scene.write(Rules(server='[privacy]\nencrypt = { key = { env = "INBOX_KEY" } }'))
    await scene.start()
    sending = scene.sending(scene.messages(400))
    for at in (100, 250):
        await scene.acknowledged(at)
        await asyncio.sleep(scene.random.uniform(0, 0.05))
        await scene.kill()
        await scene.start()
    await sending
    await scene.settled()
    files = sorted(scene.directory.glob("inbox.db*"))
    assert len(files) >= 3, "the log is there while the daemon runs"
    for file in files:
        content = file.read_bytes()
        assert [text for text in READABLE if text.encode() in content] == [], file.name
    report = await scene.finish()
    figures.add(report)
    assert (report.acknowledged, report.kills, report.lost) == (report.sent, 2, 0)
    assert [arrival for arrival in scene.sink.arrivals if b"DestinationPostalCode" in arrival.body]
