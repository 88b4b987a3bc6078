"""The admin listener on a Unix socket, where the kernel says who connects."""

import asyncio
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from receiver.access.peers import Peers
from receiver.inbox.audit import Audit

STATS = "http://localhost/api/v1/stats"
REPLAY = "http://localhost/api/v1/deliveries/replay"
OWN = pwd.getpwuid(os.geteuid()).pw_name
STRANGER = 65534
CONNECT = """
import os, socket, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
with socket.socket(socket.AF_UNIX) as client:
    client.connect(sys.argv[1])
    client.sendall(b"GET /api/v1/stats HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
    while piece := client.recv(65536):
        sys.stdout.buffer.write(piece)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder / "admin.sock"
    shutil.rmtree(folder)


@pytest.fixture
async def start(start_router: Any, write_rules: Any, place: Path) -> Any:
    async def begin(console: str = "") -> Any:
        text = write_rules(console).replace('admin = "127.0.0.1:0"', f'admin = "unix:{place}"')
        router = await start_router(text)
        await asyncio.to_thread(place.chmod, 0o666)
        return router

    return begin


@pytest.fixture
async def client(place: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(place))) as session:
        yield session


async def test_the_daemon_s_own_user_needs_no_token(start: Any, client: Any, caplog: Any) -> None:
    with caplog.at_level("INFO"):
        router = await start()
    assert "console_closed" not in caplog.text
    async with client.get(STATS) as answer:
        assert answer.status == 200
    async with client.post(REPLAY, json={"ids": [1], "dry_run": True}) as answer:
        assert answer.status == 200
    async with client.get("http://localhost/rules") as answer:
        csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', await answer.text())
    assert csrf
    form = {"message": "{}", "csrf": csrf[1]}
    async with client.post("http://localhost/rules/explain", data=form) as answer:
        assert answer.status == 200
    async with client.post("http://localhost/logout", data=form) as answer:
        assert answer.status == 200
    assert await Audit(router.inbox).entries(limit=1) == []


async def test_a_strange_page_cannot_act_through_a_forwarded_port(start: Any, client: Any) -> None:
    await start()
    async with client.post("http://localhost/rules/explain", data={"message": "{}"}) as answer:
        assert answer.status == 403
    for forged in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        async with client.post(REPLAY, json={"ids": [1]}, headers=forged) as answer:
            assert answer.status == 403
    async with client.post(REPLAY, data='{"ids": [1]}', headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 403
    async with client.get(STATS, headers={"Host": "rebound.example"}) as answer:
        assert answer.status == 421


async def test_there_is_nothing_to_enter_where_no_token_is_set(start: Any, client: Any) -> None:
    await start()
    async with client.get("http://localhost/login", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")
    async with client.get(STATS, headers={"Authorization": "Bearer anything"}) as answer:
        assert answer.status == 403
    async with client.post("http://localhost/login", data={"token": "anything"}) as answer:
        assert answer.status == 403


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("console", "status", "said"),
    [
        ("", 403, b"console.users"),
        (f"[console]\nusers = [{STRANGER}]\n", 200, b'"notifications":'),
        ('[console]\nusers = ["nobody"]\n', 200, b'"notifications":'),
        ('[console]\nusers = ["daemon", 12345]\n', 403, b"console.users"),
        ('[console]\ntoken = { env = "CONSOLE_TOKEN" }\n', 401, b"token_required"),
    ],
)
async def test_other_users_come_in_where_the_rules_file_names_them(
    start: Any, place: Path, monkeypatch: pytest.MonkeyPatch, console: str, status: int, said: bytes
) -> None:
    monkeypatch.setenv("CONSOLE_TOKEN", "c4b1e2a0f6d94bb7a1f0")
    await start(console)
    command = [sys.executable, "-c", CONNECT, str(place), str(STRANGER)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    assert done.stdout.startswith(f"HTTP/1.1 {status} ".encode())
    assert said in done.stdout


def test_names_that_the_machine_does_not_know_are_told() -> None:
    peers = Peers(["no-such-user-here", 4711, OWN])
    assert peers.unknown == ("no-such-user-here",)
    assert peers.admits(4711)
    assert peers.admits(0)
    assert peers.admits(os.geteuid())
    assert not peers.admits(4712)
    assert peers.name(os.geteuid()) == OWN
    assert peers.name(4711) == "4711"


async def test_an_unknown_user_in_the_rules_file_is_logged(start: Any, caplog: Any) -> None:
    await start('[console]\nusers = ["no-such-user-here"]\n')
    (told,) = [record for record in caplog.records if record.getMessage() == "console_user_unknown"]
    assert told.facts["user"] == "no-such-user-here"
