"""The daemon's doors as the doctor finds them: listener, certificate, public URL, admin listener."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from receiver.doctor import Result, Verdict
from receiver.doctor.probe import Probe, Unreachable
from receiver.doctor.served import Place, served_chain
from receiver.responses import problem
from tests.receiver.doctor.conftest import Look, Serve, Show, only

RULES = '[handlers.log]\ntype = "log"\n[[rules]]\nname = "all"\nhandlers = ["log"]\n'
TLS = 'tls = { certificate = "fullchain.pem", key = "privkey.pem" }'


async def test_a_running_daemon_is_found_at_the_addresses_it_really_has(
    start_router: Any, write_rules: Any, look: Look
) -> None:
    router = await start_router(write_rules(RULES))
    found = await look(router.rules)
    assert only(found["daemon"], Verdict.OK).detail.startswith("process ")
    assert router.daemon.addresses[0] in only(found["listener"], Verdict.OK).detail
    assert only(found["admin listener"], Verdict.OK).detail == f"{router.daemon.admin_addresses[0]} says ready"
    only(found["rules read"], Verdict.OK)


async def test_a_daemon_on_a_unix_socket_and_without_an_admin_listener(
    start_router: Any, write_rules: Any, look: Look, tmp_path: Path
) -> None:
    text = write_rules(RULES).replace('admin = "127.0.0.1:0"', "admin = false")
    router = await start_router(text.replace('"127.0.0.1:0"', f'"unix:{tmp_path}/sns.sock"', 1))
    found = await look(router.rules)
    assert "sns.sock/sns is the daemon's" in only(found["listener"], Verdict.OK).detail
    assert "server.admin" in only(found["admin listener"], Verdict.SKIPPED).detail


async def test_a_console_that_nobody_can_use(write_rules: Any, look: Look, tmp_path: Path) -> None:
    rules = tmp_path / "console.toml"

    async def found(text: str) -> Sequence[Result]:
        rules.write_text(text)
        return (await look(rules))["console"]

    closed = write_rules(RULES)
    cure = only(await found(closed), Verdict.WARNING).cure
    assert "[console]" in cure
    assert "restart" in cure, "a reload brings the service neither a credential nor a variable"
    assert "token" in only(await found(closed + '[console]\ntoken = { env = "CONSOLE_TOKEN" }\n'), Verdict.OK).detail
    unix = closed.replace('admin = "127.0.0.1:0"', f'admin = "unix:{tmp_path}/admin.sock"')
    assert "admin.sock" in only(await found(unix), Verdict.OK).detail
    only(await found(closed.replace('admin = "127.0.0.1:0"', "admin = false")), Verdict.SKIPPED)


async def test_a_daemon_that_is_stopped_is_the_finding_and_its_doors_are_left_alone(
    start_router: Any, write_rules: Any, look: Look
) -> None:
    router = await start_router(write_rules(RULES))
    await router.stop()
    found = await look(router.rules)
    assert "systemctl start" in only(found["daemon"], Verdict.FINDING).cure
    for name in ("rules read", "listener", "admin listener"):
        only(found[name], Verdict.SKIPPED)
    only(found["inbox"], Verdict.OK)


async def test_a_daemon_whose_listener_is_gone(start_router: Any, write_rules: Any, look: Look) -> None:
    router = await start_router(write_rules(RULES))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    router.daemon.addresses = (f"127.0.0.1:{port}",)
    await router.daemon._leave_presence(router.parts)
    found = only((await look(router.rules))["listener"], Verdict.FINDING)
    assert f"127.0.0.1:{port} does not answer" in found.detail
    assert "refused" in found.detail.lower()


async def test_somebody_else_at_the_daemons_address(
    start_router: Any, write_rules: Any, look: Look, serve: Serve
) -> None:
    router = await start_router(write_rules(RULES))
    router.daemon.addresses = (f"127.0.0.1:{await serve(web.Response(status=200, text='welcome'))}",)
    await router.daemon._leave_presence(router.parts)
    found = only((await look(router.rules))["listener"], Verdict.FINDING)
    assert "answers 200, not as the daemon does" in found.detail


async def test_a_daemon_that_cannot_take_pushes(start_router: Any, write_rules: Any, look: Look, serve: Serve) -> None:
    router = await start_router(write_rules(RULES))
    answer = web.Response(status=503, text="no space is left for the inbox\n")
    router.daemon.admin_addresses = (f"127.0.0.1:{await serve(answer)}",)
    await router.daemon._leave_presence(router.parts)
    found = only((await look(router.rules))["admin listener"], Verdict.FINDING)
    assert "with 503: no space is left for the inbox" in found.detail


async def test_rules_that_were_changed_and_not_taken_in(start_router: Any, write_rules: Any, look: Look) -> None:
    router = await start_router(write_rules(RULES))
    router.rules.write_text(write_rules(RULES + '[handlers.more]\ntype = "log"\n'))
    assert "systemctl reload" in only((await look(router.rules))["rules read"], Verdict.FINDING).cure
    await router.daemon.reload(router.parts)
    only((await look(router.rules))["rules read"], Verdict.OK)
    router.rules.write_text(write_rules(RULES.replace("handlers = ", "handlres = ")))
    await router.daemon.reload(router.parts)
    router.rules.write_text(write_rules(RULES + '[handlers.other]\ntype = "log"\n'))
    only((await look(router.rules))["rules read"], Verdict.FINDING)


async def test_a_daemon_that_works_by_another_file(
    start_router: Any, write_rules: Any, look: Look, tmp_path: Path
) -> None:
    router = await start_router(write_rules(RULES))
    other = tmp_path / "other.toml"
    other.write_text(router.rules.read_text())
    found = only((await look(other))["rules read"], Verdict.FINDING)
    assert str(router.rules) in found.detail
    assert str(router.rules) in found.cure


async def test_the_certificate_is_the_one_that_is_shown(
    start_router: Any, write_rules: Any, look: Look, show: Show
) -> None:
    shown = show()
    router = await start_router(write_rules(RULES, server=TLS))
    found = await look(router.rules, roots=shown.roots)
    assert "for localhost, by CN=Simulated RSA 2048" in only(found["certificate"], Verdict.OK).detail
    only(found["listener"], Verdict.OK)
    show(authority=shown.authority, issuers=0)
    only((await look(router.rules, roots=shown.roots))["certificate"], Verdict.OK)
    await router.daemon.reload(router.parts)
    only((await look(router.rules, roots=shown.roots))["certificate"], Verdict.FINDING)


async def test_the_certificate_of_a_daemon_that_does_not_run_is_read(
    write_rules: Any, look: Look, show: Show, tmp_path: Path
) -> None:
    shown = show(issuers=0)
    rules = tmp_path / "rules.toml"
    rules.write_text(write_rules(RULES, server=TLS))
    assert "incomplete" in only((await look(rules, roots=shown.roots))["certificate"], Verdict.FINDING).detail
    shown.chain.write_text("no certificate")
    assert "fullchain.pem" in only((await look(rules))["certificate"], Verdict.FINDING).detail
    shown.chain.unlink()
    assert "No such file" in only((await look(rules))["certificate"], Verdict.FINDING).detail


@pytest.fixture
def rules(write_rules: Any, tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(write_rules(RULES))
    return path


async def test_the_subscribed_url_is_looked_at_as_sns_does(rules: Path, look: Look, show: Show, serve: Serve) -> None:
    shown = show()
    said = problem(405, "method_not_allowed", "this path answers POST")
    port = await serve(web.Response(status=405, text=said.text), shown)
    look.ways = type(look.ways)(type(look.ways.probe)(shown.roots), shown.roots)
    found = await look(rules, offline=False, url=f"https://localhost:{port}/sns")
    assert "is the daemon's" in only(found["public URL"], Verdict.OK).detail
    only(found["URL's certificate"], Verdict.OK)
    found = await look(rules, offline=False, url=f"https://127.0.0.1:{port}/sns")
    assert "not trusted" in only(found["public URL"], Verdict.FINDING).detail
    assert "not for 127.0.0.1" in only(found["URL's certificate"], Verdict.FINDING).detail


@pytest.mark.parametrize(
    ("status", "cure"),
    [(301, "no redirect"), (401, "credentials"), (404, "server.path"), (502, "upstream"), (200, "something else")],
)
async def test_what_is_in_front_is_told_by_its_answer(
    rules: Path, look: Look, serve: Serve, status: int, cure: str
) -> None:
    port = await serve(web.Response(status=status, text="proxy", headers={"Location": "https://elsewhere.example/"}))
    found = await look(rules, offline=False, url=f"http://127.0.0.1:{port}/sns")
    result = only(found["public URL"], Verdict.FINDING)
    assert f"answers {status}" in result.detail
    assert cure in result.cure
    assert "not https" in only(found["URL's certificate"], Verdict.WARNING).detail


async def test_a_405_of_somebody_else_is_not_the_daemons(rules: Path, look: Look, serve: Serve) -> None:
    for text in ("no", json.dumps(["x"]), json.dumps({"reason": "other"})):
        port = await serve(web.Response(status=405, text=text))
        found = await look(rules, offline=False, url=f"http://127.0.0.1:{port}/sns")
        only(found["public URL"], Verdict.FINDING)


async def test_a_url_where_no_tls_is_spoken_or_nothing_answers(rules: Path, look: Look, serve: Serve) -> None:
    port = await serve()
    found = await look(rules, offline=False, url=f"https://localhost:{port}/sns")
    assert "no TLS handshake" in only(found["URL's certificate"], Verdict.FINDING).detail
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = await look(rules, offline=False, url=f"https://localhost:{port}/sns")
    assert "refused" in only(found["URL's certificate"], Verdict.FINDING).detail.lower()
    only(found["public URL"], Verdict.FINDING)


async def test_a_server_that_says_nothing_holds_nobody_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        with pytest.raises(Unreachable, match=r"within 0\.1 s"):
            await served_chain(Place("127.0.0.1", port), seconds=0.1)
        with pytest.raises(Unreachable, match=r"within 0\.1 s"):
            await Probe().get(f"http://127.0.0.1:{port}/", seconds=0.1)
