import asyncio
from typing import Any

import pytest

from receiver.simulators.sns import Answer, Policy, Push, Sender

PUSH = Push("m", {"x-amz-sns-message-type": "Notification"}, b'{"Type": "Notification"}')
AT_ONCE = Policy(retries=3, delay=0.0, timeout=15.0)


@pytest.mark.parametrize(
    ("status", "taken", "retryable"),
    [(200, True, False), (204, True, False), (302, False, False), (400, False, False), (403, False, False),
     (404, False, False), (429, False, True), (500, False, True), (503, False, True), (None, False, True)],
)  # fmt: skip
def test_what_sns_makes_of_an_answer(status: int | None, taken: bool, retryable: bool) -> None:
    answer = Answer(status, "time-out", 0.1)
    assert (answer.taken, answer.retryable) == (taken, retryable)
    assert answer.label == (str(status) if status else "time-out")


@pytest.mark.parametrize(
    ("statuses", "status", "attempts"),
    [
        ([], 200, 1),
        ([503, 500, 429], 200, 4),
        ([503, 404, 200], 404, 2),
        ([503] * 9, 503, 4),
        ([302], 302, 1),
    ],
)
async def test_deliver_tries_again_as_the_policy_says(
    endpoint: Any, statuses: list[int], status: int, attempts: int
) -> None:
    endpoint.statuses = statuses
    async with Sender(AT_ONCE) as sender:
        answer = await sender.deliver(endpoint.url, PUSH)
    assert (answer.status, answer.attempts) == (status, attempts)
    assert endpoint.bodies == [PUSH.body] * attempts


async def test_without_retries_a_failure_is_the_end(endpoint: Any) -> None:
    endpoint.statuses = [503]
    async with Sender(Policy()) as sender:
        assert (await sender.deliver(endpoint.url, PUSH)).attempts == 1
    assert len(endpoint.bodies) == 1


async def test_no_answer_in_time(endpoint: Any) -> None:
    endpoint.gate.clear()
    async with Sender(Policy(timeout=0.1)) as sender:
        answer = await sender.deliver(endpoint.url, PUSH)
    assert (answer.status, answer.error, answer.taken) == (None, "time-out", False)


@pytest.mark.parametrize(
    ("greeting", "error"), [(b"", "connection failed"), (b"HTTP/1.1 nonsense\r\n\r\n", "connection failed")]
)
async def test_an_endpoint_that_hangs_up_or_talks_nonsense(greeting: bytes, error: str) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(greeting)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server, Sender(Policy()) as sender:
        port = server.sockets[0].getsockname()[1]
        assert (await sender.deliver(f"http://127.0.0.1:{port}/", PUSH)).label == error
        assert (await sender.deliver(f"https://127.0.0.1:{port}/", PUSH)).status is None


async def test_a_port_where_nobody_listens() -> None:
    async with Sender(Policy()) as sender:
        assert (await sender.deliver("http://127.0.0.1:9/", PUSH)).label == "connection refused"
