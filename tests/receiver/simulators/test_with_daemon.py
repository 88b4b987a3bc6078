"""The simulated SNS against the real daemon: whom it believes, and whom not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from receiver.config import load
from receiver.daemon import Daemon
from receiver.simulators.sns import Authority, Flavour, NotConfirmed, SimulatedSns, Status

RULES = """
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
stop_grace = "1s"
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]
{signer}
[inbox]
database = "sqlite://{directory}/inbox.db"
[handlers.log]
type = "log"
[[rules]]
name = "all"
handlers = ["log"]
"""


@asynccontextmanager
async def daemon(directory: Path, signer: str) -> AsyncIterator[str]:
    """The URL of a daemon's SNS route."""
    path = directory / "rules.toml"
    path.write_text(RULES.format(signer=signer, directory=directory))
    running = Daemon(load(path))
    task = asyncio.create_task(running.run())
    ready = asyncio.create_task(running.ready.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield f"http://{running.addresses[0]}/sns"
    finally:
        running.stop()
        await task


@pytest.mark.parametrize("pinned", [True, False])
@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("flavour", Flavour)
async def test_a_configured_stand_in_is_believed(tmp_path: Path, flavour: Flavour, version: str, pinned: bool) -> None:
    certificate = tmp_path / "sns.pem"
    async with SimulatedSns(flavour=flavour, signature_version=version) as sns:
        certificate.write_bytes(sns.certificate)
        signer = sns.signer(str(certificate))
        signer = signer if pinned else signer.split("certificate")[0]
        async with daemon(tmp_path, signer) as endpoint:
            assert (await sns.subscribe(endpoint)).status is Status.CONFIRMED
            for _ in range(2):
                answer = await sns.publish(endpoint, "text", message_id="0" * 8, subject="é", attributes={"a": "b"})
                assert answer.status == 200, answer.text
            assert (await sns.unsubscribe(endpoint)).status == 200


@pytest.mark.parametrize("flavour", Flavour)
async def test_without_the_setting_every_message_is_refused(tmp_path: Path, flavour: Flavour) -> None:
    async with SimulatedSns(flavour=flavour) as sns, daemon(tmp_path, "") as endpoint:
        with pytest.raises(NotConfirmed, match="refused the subscription confirmation with 403"):
            await sns.subscribe(endpoint)
        push = sns.messages().notification("text", subscription=f"{sns.topic}:0", sent_at=sns.clock())
        assert (await sns.deliver(endpoint, push)).status == 403
        assert next(iter(sns.subscriptions)).status is Status.PENDING


async def test_another_signer_at_the_same_place_is_refused(tmp_path: Path) -> None:
    certificate = tmp_path / "sns.pem"
    certificate.write_bytes(Authority.self_signed().certificate)
    async with SimulatedSns() as sns, daemon(tmp_path, sns.signer(str(certificate))) as endpoint:
        with pytest.raises(NotConfirmed, match="with 403"):
            await sns.subscribe(endpoint)


async def test_a_topic_that_is_not_allowed_is_refused(tmp_path: Path) -> None:
    topic = "arn:aws:sns:us-east-1:999999999999:sp-api-orders"
    certificate = tmp_path / "sns.pem"
    async with SimulatedSns(topic=topic) as sns:
        certificate.write_bytes(sns.certificate)
        async with daemon(tmp_path, sns.signer(str(certificate))) as endpoint:
            with pytest.raises(NotConfirmed, match="with 403"):
                await sns.subscribe(endpoint)
