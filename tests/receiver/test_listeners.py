"""Listeners of our own: what is said where one cannot be opened, and what is left alone."""

import asyncio
import socket
from pathlib import Path

import pytest

from receiver.config.values import Listen
from receiver.listeners import ListenError, listen


async def refusal(where: Listen) -> str:
    with pytest.raises(ListenError) as refused:
        await listen(asyncio.Protocol, where)
    return str(refused.value)


async def test_the_cure_fits_the_cause(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        words = await refusal(Listen("127.0.0.1", port))
    assert words == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use; is another process there? `ss -ltnp` shows it"
    )
    elsewhere = await refusal(Listen("192.0.2.1", 8080))
    assert "Cannot assign requested address; this machine has no such address" in elsewhere
    assert "its directory must exist" in await refusal(Listen(unix=tmp_path / "none" / "x.sock"))


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    assert "is no socket: name another path" in await refusal(Listen(unix=tmp_path / "notes"))
    assert (tmp_path / "notes").read_text() == "mine"


async def test_the_socket_of_a_process_that_was_killed_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(tmp_path / "x.sock"))
    (await listen(asyncio.Protocol, Listen(unix=tmp_path / "x.sock"))).close()
