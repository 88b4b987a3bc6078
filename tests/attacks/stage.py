"""A daemon under attack: the real process, the way out that is watched, a sink, and the judge of each row."""

import asyncio
import json
import re
import sqlite3
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from receiver.simulators.sink import Behaviour, Sink
from tests.attacks.egress import Egress
from tests.attacks.forge import TOPIC, TOPICS, Forge
from tests.attacks.row import Kind, Post, Row, Script, Sending, Visit
from tests.attacks.wire import Answer, as_script, exchange, summary
from tests.faults.process import Process
from tests.faults.scene import until

_FINAL = frozenset({3, 4, 5})
"""The codes of deliveries that are done, dead or superseded."""
_ALARMING = frozenset({"error", "critical"})
_OF_CONTENT = "delivery_dead"
"""The one error that content may cause: a value that a handler must not take."""
TOKEN = "c4b1e2a0f6d94bb7a1f0e2d3"
"""The token of [console], where a kind's rules have one from CONSOLE_TOKEN."""
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True, slots=True)
class Books:
    """What the inbox holds."""

    notifications: int
    last: int
    subscriptions: tuple[tuple[str, str, str], ...]


class Stage:
    """Everything of one kind of attacks."""

    def __init__(self, kind: Kind, forge: Forge, directory: Path) -> None:
        self.kind = kind
        self.forge = forge
        self.directory = directory
        self.egress = Egress(forge, directory)
        self.sink = Sink()
        self.host, self.port = "", 0
        self.admin_port = 0
        self._session: tuple[str, str] | None = None
        self._process: Process | None = None
        self._stack = AsyncExitStack()
        self._read = 0
        self._senders = 0

    async def __aenter__(self) -> Self:
        async with self._stack:
            await self._start()
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def process(self) -> Process:
        """The daemon."""
        assert self._process is not None, "not running"
        return self._process

    async def attack(self, row: Row) -> str:
        """Try a row and judge it; the answers. Raises AssertionError that says all that went wrong."""
        self.egress.pages = dict(row.pages(self.forge))
        self.egress.asked.clear()
        before = self.books()
        sending = row.send(self.forge)
        answers = await self.say(sending)
        asked = list(self.egress.asked)
        if row.look and summary(answers) == row.answer:
            row.look(answers[-1])
        if row.after:
            await row.after(self, self.books().last)
        genuine = await self._genuine()
        wrong = [
            *self._wrong_answers(row, answers, isinstance(sending, Visit | tuple)),
            *_wrong_fetches(row, asked),
            *_wrong_books(row, answers, before, self.books()),
            *self.alarming(),
            *([] if genuine == "200 accepted" else [f"the genuine message after it was answered {genuine}"]),
        ]
        assert not wrong, f"{row.name}: " + "; ".join(wrong)
        return summary(answers)

    async def say(self, sending: Sending) -> list[Answer]:
        """Send it to the door, or to the admin listener; the answers."""
        if isinstance(sending, tuple):
            return [answer for each in sending for answer in await self.visit(each)]
        if isinstance(sending, Visit):
            return await self.visit(sending)
        script = self.script(sending)
        return await exchange(self.host, self.admin_port if script.admin else self.port, script)

    async def visit(self, visit: Visit) -> list[Answer]:
        """Ask the admin listener."""
        headers = {"Host": f"127.0.0.1:{self.admin_port}", "Connection": "close"}
        if visit.who == "token":
            headers["Authorization"] = f"Bearer {TOKEN}"
        elif visit.who == "session":
            cookie, csrf = await self.session()
            headers |= {"Cookie": cookie} | ({"X-CSRF-Token": csrf} if visit.csrf else {})
        headers |= {"Content-Length": str(len(visit.body))} if visit.body or visit.method != "GET" else {}
        head = "".join(f"{name}: {value}\r\n" for name, value in (headers | dict(visit.headers)).items())
        text = f"{visit.method} {visit.path} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape")
        return await exchange(self.host, self.admin_port, Script((text + visit.body,)))

    async def events(self, path: str, wanted: str, within: float = 60.0) -> list[Mapping[str, Any]]:
        """What a stream of events tells up to one that holds a text. Raises TimeoutError."""
        told: list[Mapping[str, Any]] = []
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{self.admin_port}{path}"
        async with asyncio.timeout(within), aiohttp.ClientSession(headers=headers) as client, client.get(url) as stream:
            async for line in stream.content:
                if line.startswith(b"data: "):
                    told.append(json.loads(line[6:]))
                    if wanted in line.decode():
                        return told
        raise AssertionError(f"the stream ended without {wanted!r}")

    async def session(self) -> tuple[str, str]:
        """A browser's session, opened once: its cookie, and the CSRF token of its forms."""
        if self._session is None:
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            (entered,) = await self.visit(Visit("/login", "POST", headers=form, body=f"token={TOKEN}".encode()))
            assert entered.status == 303, entered
            cookie = entered.field("set-cookie").partition(";")[0]
            (page,) = await self.visit(Visit("/", headers={"Cookie": cookie}))
            csrf = _CSRF.search(page.body.decode())
            assert csrf, "a page without a form"
            self._session = cookie, csrf[1]
        return self._session

    def script(self, sending: Script | Post | Mapping[str, Any]) -> Script:
        """The bytes of what is to be sent."""
        if isinstance(sending, Script):
            return sending
        post = sending if isinstance(sending, Post) else Post(json.dumps(dict(sending)).encode())
        # Each from a sender of its own: one alone gets few certificates fetched that are none.
        self._senders += 1
        sender = {"X-Forwarded-For": f"198.51.{self._senders // 256}.{self._senders % 256}"}
        return as_script(replace(post, headers={**sender, **post.headers}), f"{self.host}:{self.port}")

    def books(self) -> Books:
        """What the inbox holds now, read by SQL of its own; the daemon's own notifications are left out."""
        with closing(self._database()) as database:
            count, last = database.execute(
                "SELECT count(*), coalesce(max(id), 0) FROM notifications WHERE topic <> 'router'"
            ).fetchone()
            subscriptions = database.execute("SELECT topic, arn, state FROM subscriptions ORDER BY topic").fetchall()
        return Books(count, last, tuple(subscriptions))

    def deliveries(self, notification: int) -> list[Mapping[str, Any]]:
        """The deliveries of a notification."""
        with closing(self._database()) as database:
            database.row_factory = sqlite3.Row
            found = database.execute("SELECT * FROM deliveries WHERE notification_id = ?", (notification,)).fetchall()
        return [dict(each) for each in found]

    async def ended(self, notification: int) -> list[Mapping[str, Any]]:
        """The deliveries of a notification, when all have ended. Raises TimeoutError."""

        async def over() -> bool:
            return all(each["state"] in _FINAL for each in self.deliveries(notification))

        await until(over, within=60.0)
        return self.deliveries(notification)

    async def _start(self) -> None:
        await self._stack.enter_async_context(self.egress)
        await self._stack.enter_async_context(self.sink)
        rules = self.directory / "rules.toml"
        handlers = self.kind.rules.replace("{directory}", str(self.directory)).replace("{sink}", self.sink.url)
        rules.write_text(
            f'[server]\nlisten = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\nstop_grace = "5s"\n'
            'trusted_proxies = ["127.0.0.1/32"]\n'
            f'[sns]\ntopics = ["{TOPICS}"]\n{self.kind.sns}\n'
            f'[inbox]\ndatabase = "sqlite:inbox.db"\n[log]\nformat = "json"\nlevel = "info"\n{handlers}'
        )
        if self.kind.sink_body:
            self.sink.behave(Behaviour(status=500, body=self.kind.sink_body))
        environment = {**self.egress.environment, "WEBHOOK_SECRET": _SECRET, "CONSOLE_TOKEN": TOKEN}
        self._process = await Process.start(rules, environment)
        self._stack.push_async_callback(self._end)
        facts = await self._process.ready()
        self.host, port = facts["listen"].rsplit(":", 1)
        self.port = int(port)
        self.admin_port = int(facts["admin"].rsplit(":", 1)[1])
        assert await self._genuine() == "200 accepted", self.process.failure("a genuine message was not taken")
        self.alarming()

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.directory}/inbox.db?mode=ro", uri=True)

    async def _genuine(self) -> str:
        """Whether a genuine message is taken still; when it is logged, all that came before it is logged too."""
        self.egress.pages = {}
        fields = self.forge.notification(TopicArn=TOPIC)
        answer = summary(await self.say(fields))
        if answer == "200 accepted":
            await self.process.event("push_accepted", message_id=fields["MessageId"], within=60.0)
        return answer

    @staticmethod
    def _wrong_answers(row: Row, answers: list[Answer], console: bool) -> list[str]:
        wrong = [] if summary(answers) == row.answer else [f"answered {summary(answers)}, not {row.answer}"]
        for each in answers:
            if each.status >= 500 and each.status != 503:
                wrong.append(f"a {each.status}")
            if b"Traceback" in each.body or b'.py", line' in each.body:
                wrong.append(f"code in the answer: {each.body[:200]!r}")
            if "text/html" in each.head.lower() and not console:
                wrong.append("an answer that a browser would render")
        return wrong

    def alarming(self) -> list[str]:
        """Lines of the log since the last look that no sender may cause."""
        lines = list(self.process.lines)[self._read :]
        self._read += len(lines)
        return [f"in the log: {line[:500]}" for line in lines if is_alarming(line)]

    async def _end(self) -> None:
        status = await self.process.stop()
        assert status == 0, self.process.failure("the daemon did not end well")


def is_alarming(line: str) -> bool:
    """Whether a line of the log is one that no sender may cause."""
    try:
        event = json.loads(line)
    except ValueError:
        return True
    failed = event.get("level") in _ALARMING and event.get("event") != _OF_CONTENT
    return failed or "exception" in event or "Traceback" in line


def _wrong_fetches(row: Row, asked: list[str]) -> list[str]:
    return [] if len(asked) == row.fetches else [f"{len(asked)} requests went out, not {row.fetches}: {asked}"]


def _wrong_books(row: Row, answers: list[Answer], before: Books, after: Books) -> list[str]:
    """The genuine message that follows each row is one of the notifications."""
    taken = sum(str(answer) == "200 accepted" for answer in answers) + 1
    wrong = []
    if (found := after.notifications - before.notifications) != taken:
        wrong.append(f"{found} notifications came in, not {taken}")
    states = {topic: state for topic, _, state in after.subscriptions}
    if row.state:
        if states.get(TOPIC) != row.state:
            wrong.append(f"the subscription is {states.get(TOPIC)}, not {row.state}")
    elif after.subscriptions != before.subscriptions:
        wrong.append(f"subscriptions changed: {after.subscriptions}")
    return wrong
