"""Hosts that are gone or hang: certificates that are not to be had, a sink that never answers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from receiver.simulators.sink import Behaviour
from receiver.simulators.sns import Push
from receiver.simulators.sns.messages import Topic
from receiver.simulators.sns.plan import Planned
from tests.faults.scene import Rules, Scene

_PATIENT = 'timeout = "400ms"\nbreaker = false\nretry = { attempts = 100, first = "100ms", most = "300ms" }'


class Hanging:
    """A server that takes connections and never answers."""

    def __init__(self) -> None:
        self.connections = 0
        self._open: list[asyncio.StreamWriter] = []

    async def take(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Keep a connection open."""
        self.connections += 1
        self._open.append(writer)

    def close(self) -> None:
        """Hang up."""
        for writer in self._open:
            writer.close()


@pytest.fixture
async def hanging() -> AsyncIterator[tuple[str, Hanging]]:
    """The URL of a server that hangs, and the server."""
    host = Hanging()
    server = await asyncio.start_server(host.take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", host
        host.close()


def signed_elsewhere(scene: Scene, base: str, planned: Planned) -> Push:
    """A message whose certificate lies at another stand-in's URL."""
    topic = Topic(scene.sns.topic, base, scene.sns.authority, signature_version="2")
    sent_at = planned.sent_at
    message_id = planned.message_id
    return topic.notification(
        planned.message, subscription=f"{scene.sns.topic}:0", sent_at=sent_at, message_id=message_id
    )


async def unproven(scene: Scene, base: str, figures: Any) -> None:
    """Pushes of a stand-in that is not there get 503 before the sender's time-out; the other stand-in's are taken."""
    scene.write(Rules(sns=f'[[sns.signers]]\nurl = "{base}"\n'))
    await scene.start()
    lost, others = list(scene.messages(50, 0)), list(scene.messages(200))
    pushes = [scene.tell(each, signed_elsewhere(scene, base, each)) for each in lost]
    sending = scene.sending(others)
    answers = await asyncio.gather(*pushes)
    assert {each.status for each in answers} == {503}
    assert {"certificate_unavailable" in each.text for each in answers} == {True}, answers[0]
    await sending
    await scene.send(lost)
    slowest = max(each.seconds for each in answers)
    figures.add(f"{len(answers)} unproven pushes got 503 after {slowest:.1f} s at most")
    figures.add(await scene.finish())


async def test_a_certificate_host_that_hangs(scene: Scene, hanging: tuple[str, Hanging], figures: Any) -> None:
    base, host = hanging
    await unproven(scene, base, figures)
    assert host.connections <= 2, "one fetch serves all who wait"


async def test_a_certificate_host_whose_name_is_gone(scene: Scene, figures: Any) -> None:
    """RFC 6761 keeps `.invalid` from ever having an address."""
    await unproven(scene, "http://sns.invalid:4566/", figures)


async def test_a_sink_that_hangs(scene: Scene, figures: Any) -> None:
    """Pushes are taken as ever, deliveries time out and are tried again, and all arrive once the sink answers."""
    scene.write(Rules(handler=_PATIENT))
    process = await scene.start()
    scene.sink.behave(Behaviour(hang=True))
    await scene.send(scene.messages(100))
    await process.event("delivery_retry")
    assert not scene.sink.arrivals
    scene.sink.behave(Behaviour())
    figures.add(await scene.finish())


async def test_a_sink_that_is_gone_opens_the_breaker_and_is_found_again(scene: Scene, figures: Any) -> None:
    """With the breaker on, a sink that fails is left alone for a while; the inbox keeps what comes meanwhile."""
    breaker = 'breaker = { calls = 3, open_for = "300ms", most = "600ms" }'
    scene.write(Rules(handler=f'retry = {{ attempts = 100, first = "100ms", most = "300ms" }}\n{breaker}'))
    process = await scene.start()
    scene.sink.behave(Behaviour(status=500))
    await scene.send(scene.messages(100))
    await process.event("breaker_opened")
    scene.sink.behave(Behaviour())
    figures.add(await scene.finish())
