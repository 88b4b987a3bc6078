"""Accounts and consents from the command line, by real processes beside a daemon's inbox and a stand-in for Amazon."""

import asyncio
import json
import os
import pty
import sqlite3
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from receiver.inbox import SqliteInbox
from receiver.simulators.spapi import Settings, SimulatedSpapi

MAIN = "from receiver.cli import main; main()"
TOKEN = "Atzr|simulated-0001"
OLD, NEW = "11" * 32, "22" * 32
SELLER, OTHER = "A0001SIMULATED", "A0002SIMULATED"


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Awaitable[Outcome]]

RULES = """
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api"]
[inbox]
database = "sqlite:inbox.db"
[spapi]
client_id = {{ env = "LWA_CLIENT_ID" }}
client_secret = {{ env = "LWA_CLIENT_SECRET" }}
key = {{ env = "TOKEN_KEY" }}
application_id = "amzn1.sp.solution.test"
endpoints = {{ lwa = "{lwa}", na = "{url}", eu = "{url}", fe = "{url}" }}
"""
CONFIGURED = """
[[spapi.accounts]]
seller_id = "A0003SIMULATED"
region = "na"
refresh_token = { env = "REFRESH_TOKEN" }
"""


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedSpapi]:
    async with SimulatedSpapi(Settings(sellers=3, orders=1)) as started:
        yield started


@pytest.fixture
def rules(simulated: SimulatedSpapi, tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES.format(lwa=simulated.lwa_url, url=simulated.url) + CONFIGURED)
    return path


def change(rules: Path, before: str, after: str) -> None:
    rules.write_text(rules.read_text().replace(before, after))


@pytest.fixture
def environment(simulated: SimulatedSpapi, root: Path) -> dict[str, str]:
    settings = simulated.settings
    secrets = {
        "LWA_CLIENT_ID": settings.client_id,
        "LWA_CLIENT_SECRET": settings.client_secret,
        "REFRESH_TOKEN": settings.refresh_token(3),
        "TOKEN_KEY": OLD,
        "PYTHONPATH": str(root),
    }
    return dict(os.environ) | secrets


@pytest.fixture
def run(rules: Path, environment: dict[str, str]) -> Run:
    async def start(*arguments: str, stdin: str = "", **extra: str) -> Outcome:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", MAIN, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=rules.parent,
            env=environment | extra,
        )  # fmt: skip
        out, err = await process.communicate(stdin.encode())
        return Outcome(process.returncode or 0, out.decode(), err.decode())

    return start


@pytest.fixture
async def inbox(rules: Path) -> AsyncIterator[SqliteInbox]:
    """The daemon's, which stays open beside the commands."""
    opened = await SqliteInbox.open(rules.parent / "inbox.db")
    yield opened
    await opened.close()


@pytest.mark.usefixtures("inbox")
async def test_an_account_is_added_listed_called_for_and_removed(run: Run, rules: Path) -> None:
    added = await run("accounts", "add", SELLER, "--marketplace", "US", "--marketplace", "CA", stdin=f"{TOKEN}\n")
    assert added.out.startswith(f"{SELLER}@na is kept, sealed with key ")
    key = added.out.split()[-1]
    called = await run("call", "sellers.getMarketplaceParticipations", "--account", SELLER)
    assert (called.code, called.err) == (0, "")
    stored, configured = (await run("accounts", "list", "--json")).lines
    assert configured | {"account": "A0003SIMULATED@na", "source": "rules file", "authorized_at": None} == configured
    expected = {"seller_id": SELLER, "region": "na", "source": "inbox", "key": key}
    assert stored | expected | {"marketplaces": ["ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"]} == stored
    for name in ("authorized_at", "changed_at", "refreshed_at"):
        assert abs(datetime.fromisoformat(stored[name]).timestamp() - time.time()) < 600
    table = (await run("accounts", "list")).out
    assert "US, CA" in table
    assert "all of the region" in table
    audit = (await run("accounts", "audit", "--account", f"{SELLER}@na", "--json")).lines
    uid = os.getuid()
    assert [(entry["action"], entry["who"]) for entry in audit] == [
        ("refresh", f"call, uid {uid}"),
        ("read", f"call, uid {uid}"),
        ("add", f"accounts add, uid {uid}"),
    ]
    assert len((await run("accounts", "audit", "--limit", "1", "--json")).lines) == 1
    removed = await run("accounts", "remove", SELLER, "--yes")
    assert (removed.code, removed.out.startswith(f"{SELLER}@na is removed; the seller ends")) == (0, True)
    assert [line["account"] for line in (await run("accounts", "list", "--json")).lines] == ["A0003SIMULATED@na"]
    written = await asyncio.to_thread(everything_in, rules.parent)
    for secret in (TOKEN, OLD):
        assert secret.encode() not in written
        assert secret not in table + str(audit) + str(stored) + added.out + added.err


def everything_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


@pytest.mark.usefixtures("inbox")
async def test_a_token_is_asked_for_on_a_terminal_and_not_shown(rules: Path, environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    arguments = ("accounts", "add", SELLER, "--region", "na")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAIN, *arguments, stdin=theirs, stdout=theirs, stderr=theirs, cwd=rules.parent,
        env=environment, start_new_session=True, preexec_fn=lambda: _control(theirs),
    )  # fmt: skip
    os.close(theirs)
    shown = await asyncio.to_thread(_read_until, ours, b"Refresh token: ")
    os.write(ours, f"{TOKEN}\n".encode())
    shown += await asyncio.to_thread(_read_until, ours, b"sealed with key")
    assert await process.wait() == 0
    os.close(ours)
    assert TOKEN.encode() not in shown


def _control(terminal: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def _read_until(terminal: int, end: bytes) -> bytes:
    seen = b""
    with suppress(OSError):
        while end not in seen and (chunk := os.read(terminal, 4096)):
            seen += chunk
    assert end in seen, seen
    return seen


@pytest.mark.usefixtures("inbox")
async def test_keys_are_rotated(run: Run, rules: Path) -> None:
    for seller, token in ((SELLER, TOKEN), (OTHER, "Atzr|simulated-0002")):
        assert (await run("accounts", "add", seller, "--region", "na", stdin=token)).code == 0
    lost = await run("accounts", "rotate", TOKEN_KEY=NEW)
    assert lost.code == 1
    assert "name the old key beside the new one (previous_keys)" in lost.err
    call = ("call", "sellers.getMarketplaceParticipations", "--account", SELLER)
    assert "which is not here" in (await run(*call, TOKEN_KEY=NEW)).err
    previous = 'previous_keys = [{ env = "OLD_KEY" }]\n'
    change(rules, "[spapi]\n", f"[spapi]\n{previous}")
    assert (await run(*call, TOKEN_KEY=NEW, OLD_KEY=OLD)).code == 0
    rotated = await run("accounts", "rotate", TOKEN_KEY=NEW, OLD_KEY=OLD)
    assert rotated.out.startswith("2 of 2 tokens sealed anew; all are sealed with key ")
    assert "spapi.previous_keys can leave" in rotated.err
    assert (await run("accounts", "rotate", TOKEN_KEY=NEW, OLD_KEY=OLD)).out.startswith("0 of 2 tokens")
    change(rules, previous, "")
    assert (await run(*call, TOKEN_KEY=NEW)).code == 0
    assert "which is not here" in (await run(*call)).err


@pytest.mark.usefixtures("inbox")
async def test_removal_asks_and_names_what_it_cannot_do(run: Run) -> None:
    for region in ("na", "eu"):
        assert (await run("accounts", "add", SELLER, "--region", region, stdin=TOKEN)).code == 0
    several = await run("accounts", "remove", SELLER)
    assert f"several regions: name one of {SELLER}@eu, {SELLER}@na" in several.err
    kept = await run("accounts", "remove", f"{SELLER}@eu", stdin="n\n")
    assert (kept.code, f"Remove {SELLER}@eu?" in kept.err) == (1, True)
    assert (await run("accounts", "remove", f"{SELLER}@eu")).code == 1
    assert len((await run("accounts", "list", "--json")).lines) == 3
    assert (await run("accounts", "remove", f"{SELLER}@eu", stdin="y\n")).code == 0
    assert (await run("accounts", "remove", f"{SELLER}@na", "--yes", TOKEN_KEY="lost")).code == 0
    configured = await run("accounts", "remove", "A0003SIMULATED")
    assert "rules.toml: remove it there" in configured.err
    assert "there is no account A9" in (await run("accounts", "remove", "A9")).err


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["a1", "--region", "na"], TOKEN, 2, "is not a seller id"),
        ([SELLER], TOKEN, 2, "name the region"),
        ([SELLER, "--region", "na", "--marketplace", "DE"], TOKEN, 1, "belongs to region eu"),
        ([SELLER, "--marketplace", "XX"], TOKEN, 1, "there is no marketplace 'XX'"),
        ([SELLER, "--region", "na"], "", 1, "that is no refresh token"),
        ([SELLER, "--region", "na"], "Atzr|with blanks in it", 1, "that is no refresh token"),
        ([SELLER, "--region", "na"], "Atza|short", 1, "that is an access token"),
        (["A0003SIMULATED", "--region", "na"], TOKEN, 1, "rules.toml, which wins"),
    ],
)
@pytest.mark.usefixtures("inbox")
async def test_what_cannot_be_added(run: Run, arguments: list[str], stdin: str, code: int, said: str) -> None:
    outcome = await run("accounts", "add", *arguments, stdin=stdin)
    assert said in outcome.err
    assert (outcome.code, outcome.out) == (code, "")
    assert stdin == "" or stdin not in outcome.err


@pytest.mark.usefixtures("inbox")
async def test_a_missing_key_is_an_error_with_its_cure(run: Run, rules: Path) -> None:
    wrong = await run("accounts", "add", SELLER, "--region", "na", stdin=TOKEN, TOKEN_KEY="short")
    assert 'the key of the token store, { env = "TOKEN_KEY" }, is not 32 bytes' in wrong.err
    assert "openssl rand -base64 32" in wrong.err
    change(rules, 'key = { env = "TOKEN_KEY" }', "")
    for command in (["accounts", "add", SELLER, "--region", "na"], ["accounts", "rotate"]):
        outcome = await run(*command, stdin=TOKEN)
        assert outcome.code == 1
        assert "names no `key` under [spapi]" in outcome.err
        assert "openssl rand -base64 32" in outcome.err
    authorize = await run("authorize", "--marketplace", "DE")
    assert (authorize.code, "set `key` under [spapi]" in authorize.err) == (1, True)


async def test_without_an_inbox_the_rules_file_is_enough(run: Run, rules: Path) -> None:
    assert [line["account"] for line in (await run("accounts", "list", "--json")).lines] == ["A0003SIMULATED@na"]
    assert (await run("call", "sellers.getMarketplaceParticipations")).code == 0
    for command in (["accounts", "audit"], ["accounts", "rotate"], ["authorize", "--region", "na"]):
        outcome = await run(*command)
        assert (outcome.code, "there is no inbox at" in outcome.err) == (1, True)
    rules.with_name("inbox.db").write_bytes(b"no database" * 1000)
    called = await run("call", "sellers.getMarketplaceParticipations")
    assert (called.code, "the accounts of the inbox are left out" in called.err) == (0, True)


async def test_an_inbox_that_cannot_be_reached_is_said(run: Run, rules: Path) -> None:
    change(rules, "inbox.db", "x" * 300)
    for command in (["list"], ["audit"], ["rotate"]):
        outcome = await run("accounts", *command)
        assert (outcome.code, "cannot be reached: File name too long" in outcome.err) == (1, True)


async def test_the_consent_url_is_printed_alone(run: Run, inbox: SqliteInbox) -> None:
    printed = await run("authorize", "--marketplace", "DE")
    assert printed.out.startswith("https://sellercentral-europe.amazon.com/apps/authorize/consent?")
    assert printed.out.count("\n") == 1
    assert printed.err.startswith("works once, until ")
    state = dict(parse_qsl(urlsplit(printed.out.strip()).query))["state"]
    as_json = (await run("authorize", "--vendor", "--marketplace", "JP", "--seller", SELLER, "--json")).lines[0]
    assert as_json["url"].startswith("https://vendorcentral.amazon.co.jp/")
    connection = sqlite3.connect(inbox.path)
    rows = connection.execute("SELECT region, seller_id, who, used_at FROM consents ORDER BY ends_at").fetchall()
    connection.close()
    who = f"authorize, uid {os.getuid()}"
    assert rows == [("eu", "", who, None), ("fe", SELLER, who, None)]
    assert state.encode() not in await asyncio.to_thread(everything_in, inbox.path.parent)
    nowhere = await run("authorize")
    assert (nowhere.code, "--marketplace DE, or --region eu" in nowhere.err) == (1, True)
