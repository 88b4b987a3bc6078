"""What the daemon tells a service manager, and what it takes from one."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.service_manager import ServiceManager


@pytest.fixture
def hearer(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify.sock"))
        channel.settimeout(5)
        yield channel


def heard(channel: socket.socket) -> list[str]:
    return channel.recv(8192).decode().split("\n")


def test_each_notification_is_one_datagram_of_assignments(hearer: socket.socket) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": str(hearer.getsockname())})
    manager.ready("3 rules")
    assert heard(hearer) == ["READY=1", "STATUS=3 rules"]
    manager.alive()
    assert heard(hearer) == ["WATCHDOG=1"]
    manager.stopping("stopping", 35.5)
    assert heard(hearer) == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=35500000", "STATUS=stopping"]
    before = time.monotonic_ns() // 1000
    manager.reloading()
    reloading, moment = heard(hearer)
    assert reloading == "RELOADING=1"
    assert before <= int(moment.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_a_status_is_one_short_line_whatever_the_text(hearer: socket.socket) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": str(hearer.getsockname())})
    manager.ready("rules.toml:3: wrong\nREADY=0\n" + "x" * 10_000)
    ready, status = heard(hearer)
    assert ready == "READY=1"
    assert status.startswith("STATUS=rules.toml:3: wrong READY=0 xxx")
    assert status.endswith("…")
    assert len(status) < 1000


def test_the_abstract_socket_of_a_container_manager() -> None:
    name = f"spapi-router-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("\0" + name)
        channel.settimeout(5)
        ServiceManager({"NOTIFY_SOCKET": "@" + name}).alive()
        assert heard(channel) == ["WATCHDOG=1"]


def test_without_a_manager_and_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    assert not ServiceManager({}).listens
    ServiceManager({}).ready("x")
    gone = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone.sock")})
    assert gone.listens
    gone.ready("x")


@pytest.mark.parametrize(
    ("environment", "period"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_signs_of_life_are_due_at_half_of_the_managers_time(environment: dict[str, str], period: float | None) -> None:
    assert ServiceManager({"NOTIFY_SOCKET": "@x", **environment}).watchdog_period == period
    assert ServiceManager(environment).watchdog_period is None


def test_sockets_for_another_process_are_not_taken() -> None:
    environment = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}
    assert ServiceManager(environment).sockets() == []
    assert ServiceManager({}).sockets() == []
