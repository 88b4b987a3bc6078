"""`spapi-router demo` as a process."""

import asyncio
import os
import signal
import sys

import pytest

COMMAND = (sys.executable, "-c", "from receiver.cli import main; main()", "demo")
PIPE = asyncio.subprocess.PIPE


async def test_a_count_ends_by_itself_with_everything_delivered_once() -> None:
    arguments = ("--count", "200", "--rate", "1000/s", "--duplicates", "0.2")
    process = await asyncio.create_subprocess_exec(*COMMAND, *arguments, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    lines = out.decode().splitlines()
    assert process.returncode == 0, err
    assert lines[-1] == (
        "200 notifications in 240 pushes, 40 of them repeats: 200 arrived exactly once, 0 more than once, "
        "0 not at all, 0 pushes were not taken"
    )
    assert sum(" -> delivered to /" in line for line in lines) == 200
    assert sum("known already" in line for line in lines) == 40
    calls, called = lines[-2].split(" calls of ")
    assert called == "orders.2026-01-01.getOrder answered 200"
    assert sum("-> getOrder 200, " in line and "delivered to /erp" in line for line in lines) == int(calls) > 40
    assert err == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_to_the_whole_group_ends_it_cleanly(number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--rate", "50/s", stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    assert process.stdout
    async with asyncio.timeout(200):
        while b"delivered to" not in await process.stdout.readline():
            pass
    os.killpg(process.pid, number)
    out, err = await process.communicate()
    assert process.returncode == 0, err
    assert b"Traceback" not in err
    assert b" 0 more than once" in out


async def test_interrupted_before_its_count_it_says_so() -> None:
    arguments = ("--count", "100000", "--rate", "20/s")
    process = await asyncio.create_subprocess_exec(*COMMAND, *arguments, stdout=PIPE, stderr=PIPE)
    assert process.stdout
    async with asyncio.timeout(200):
        while b"delivered to" not in await process.stdout.readline():
            pass
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 130


async def test_a_reader_that_leaves_ends_it() -> None:
    read, write = os.pipe()
    process = await asyncio.create_subprocess_exec(*COMMAND, "--rate", "50/s", stdout=write, stderr=PIPE)
    os.close(write)
    os.close(read)
    async with asyncio.timeout(200):
        _out, err = await process.communicate()
    assert b"Traceback" not in err
    assert b"Broken" not in err
