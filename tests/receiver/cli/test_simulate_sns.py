"""`spapi-router simulate sns` as a process, against an endpoint of the test."""

import asyncio
import json
import signal
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509

from receiver.simulators.listener import Listener

ANSWERS = web.AppKey("answers", list[int])


async def take(request: web.Request) -> web.Response:
    message = json.loads(await request.read())
    if message["Type"] == "SubscriptionConfirmation":
        async with aiohttp.ClientSession() as session, session.get(message["SubscribeURL"]) as answer:
            return web.Response(status=answer.status)
    answers = request.app[ANSWERS]
    return web.Response(status=answers.pop(0) if answers else 200)


@pytest.fixture
def answers() -> list[int]:
    """Statuses that the endpoint answers notifications with first; 200 after them."""
    return []


@pytest.fixture
async def endpoint(answers: list[int]) -> AsyncIterator[str]:
    application = web.Application()
    application[ANSWERS] = answers
    application.router.add_post("/sns", take)
    async with Listener(application) as listener:
        yield listener.url + "sns"


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from receiver.cli import main; main()",
        "simulate",
        "sns",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(*arguments: str) -> tuple[int | None, str, str]:
    process = await start(*arguments)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_table_of_answers_and_latencies(endpoint: str) -> None:
    code, out, err = await run("--to", endpoint, "--count", "20", "--duplicates", "0.25", "--shape", "mixed")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[:2] == ["ANSWER  COUNT", "200     25"]
    assert [line.split()[0] for line in lines[4:9]] == ["min", "p50", "p95", "p99", "max"]
    assert "25 sent in" in lines[-1]
    assert "5 were repeats" in lines[-1]
    assert "pushing" not in err


async def test_json_and_exit_1_where_something_was_refused(endpoint: str, answers: list[int]) -> None:
    answers.extend([403, 503])
    code, out, _err = await run("--to", endpoint, "--count", "10", "--json", "--concurrency", "1")
    record: dict[str, Any] = json.loads(out)
    assert code == 1
    assert record["answers"] == {"200": 8, "403": 1, "503": 1}
    assert (record["sent"], record["taken"]) == (10, 8)


async def test_retries(endpoint: str, answers: list[int]) -> None:
    answers.extend([503, 503, 503])
    arguments = ("--to", endpoint, "--count", "2", "--json", "--retry", "--retry-delay", "10ms", "--concurrency", "1")
    code, out, _err = await run(*arguments)
    assert (code, json.loads(out)["retries"]) == (0, 3)


async def test_what_the_rules_file_needs_is_written_and_holds_for_the_next_run(endpoint: str, tmp_path: Path) -> None:
    arguments = ["--to", endpoint, "--count", "1", "--keep", str(tmp_path / "k")]
    certificate = tmp_path / "sns.pem"
    _code, _out, err = await run(*arguments, "--write-certificate", str(certificate))
    (signer,) = tomllib.loads(err)["sns"]["signers"]
    assert signer["certificate"] == str(certificate)
    assert signer["url"].startswith("http://127.0.0.1:")
    first = x509.load_pem_x509_certificate(certificate.read_bytes())
    await run(*arguments, "--write-certificate", str(certificate))
    assert x509.load_pem_x509_certificate(certificate.read_bytes()) == first


async def test_localstacks_part(endpoint: str) -> None:
    code, _out, err = await run("--to", endpoint, "--count", "3", "--flavour", "localstack")
    assert code == 0, err


async def test_ctrl_c_ends_with_the_table_so_far(endpoint: str) -> None:
    process = await start("--to", endpoint, "--count", "100000", "--rate", "50/s")
    assert process.stderr
    assert process.stdout
    async with asyncio.timeout(30):
        while b"certificate =" not in await process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert not out or out.startswith(b"ANSWER")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Missing option '--to'"),
        (["--to", "http://example.com/"], "add --allow-remote"),
        (["--to", "localhost"], "write its whole URL"),
        (["--to", "http://localhost:1/", "--topic", "orders"], "not the ARN of a topic"),
        (["--to", "http://localhost:1/", "--types", "ORDERCHANGE"], "did you mean ORDER_CHANGE?"),
        (["--to", "http://localhost:1/", "--rate", "fast"], "'fast' is not a rate: write it like 20/s"),
        (["--to", "http://localhost:1/", "--within", "3"], "'3' is not a duration: write it like 10s"),
        (["--to", "http://localhost:1/", "--duplicates", "2"], "not in the range 0<=x<=1"),
        (["--to", "http://localhost:1/", "--listen", "here"], "write HOST:PORT"),
        (["--to", "http://localhost:1/", "--flavour", "localstack", "--no-confirmation"], "sends nothing before"),
    ],
)
async def test_wrong_usage_is_explained_and_exits_2(arguments: list[str], complaint: str) -> None:
    code, out, err = await run(*arguments)
    assert (code, out) == (2, "")
    assert complaint in " ".join(err.split())


async def test_an_endpoint_that_is_not_there_exits_1() -> None:
    code, out, err = await run("--to", "http://127.0.0.1:9/", "--within", "100ms")
    assert (code, out) == (1, "")
    assert "spapi-router: http://127.0.0.1:9/ did not take the subscription confirmation: connection refused" in err
