"""Try a rules file on this machine: the daemon runs by it, with stand-ins for SNS, SP-API and every webhook.

    python examples/rehearse.py examples/fulfilment/rules.toml examples/fulfilment/message.json

pushes the messages, waits until every delivery has ended, and shows what was called, what arrived and what was written.
Exit status 0 where no delivery is dead. Webhooks answer `{"ok": true}`, or what `answer.json` beside the rules file
holds. Nothing leaves the machine, and what is written goes into a directory that is removed at the end; but `exec`
handlers and handlers of your own do what they do.
"""

import asyncio
import base64
import json
import sys
import tomllib
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from receiver.config import load
from receiver.demo.child import Child
from receiver.errors import RouterError
from receiver.inbox import DeliveryFilter, DeliveryRow, SqliteInbox, State
from receiver.notification import Envelope, read
from receiver.simulators.errors import SimulationError
from receiver.simulators.sink import Behaviour, Sink
from receiver.simulators.sns import SimulatedSns
from receiver.simulators.spapi import Settings, SimulatedSpapi

UNDER_WAY = (State.WAITING, State.BLOCKED, State.RUNNING)
_SHOWN = 300
_SECRETS = ("env", "file", "credential")


@dataclass(slots=True)
class Rehearsal:
    """The stand-ins of one run, and the rules file that leads to them."""

    directory: Path
    sns: SimulatedSns
    amazon: SimulatedSpapi
    sink: Sink
    environment: dict[str, str] = field(default_factory=dict)
    """The secrets that `rules` names."""

    @property
    def files(self) -> Path:
        """What stands for the top of the file system."""
        return self.directory / "files"

    def rules(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """A rules file's handlers and rules, with the rehearsal's addresses, accounts, secrets and paths."""
        certificate = self.directory / "sns.pem"
        certificate.write_bytes(self.sns.certificate)
        signer = {"url": self.sns.url, "certificate": str(certificate)}
        local = {
            "server": {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0"},
            "sns": {"topics": [self.sns.topic], "signers": [signer]},
            "inbox": {"database": f"sqlite://{self.directory / 'inbox.db'}"},
            "log": {"format": "json"},
            "handlers": {name: self._handler(table) for name, table in source.get("handlers", {}).items()},
            "rules": source.get("rules", []),
        }
        if "spapi" in source:
            local["spapi"] = self._spapi(source["spapi"])
        return local

    def message(self, text: str) -> str:
        """A message as if it were of the rehearsal's seller."""
        seller = read(Envelope(text, "rehearsal", self.sns.topic, 0.0))[0].seller_id
        return text.replace(seller, self.amazon.settings.seller_id(1)) if seller else text

    def secret(self, value: str) -> dict[str, str]:
        """A secret of that value, by reference."""
        name = f"REHEARSAL_{len(self.environment) + 1}"
        self.environment[name] = value
        return {"env": name}

    def _handler(self, table: Mapping[str, Any]) -> dict[str, Any]:
        local: dict[str, Any] = {name: self._value(value) for name, value in table.items() if name != "tls"}
        for name in ("path", "directory"):
            if str(local.get(name, "")).startswith("/"):
                local[name] = f"{self.files}{local[name]}"
        if table.get("type") == "forward":
            local |= {"url": self.sink.url + "/".join(table["url"].split("/")[3:]), "allow_private": True}
        if local.get("auth", {}).get("type") == "oauth2":
            local["auth"] = {"type": "bearer", "token": self.secret("rehearsal")}
        return local

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1 and set(value) <= set(_SECRETS):
            return self.secret(f"whsec_{base64.b64encode(uuid.uuid4().bytes * 2).decode()}")
        return {name: self._value(item) for name, item in value.items()}

    def _spapi(self, table: Mapping[str, Any]) -> dict[str, Any]:
        made = self.amazon.settings
        account = {"seller_id": made.seller_id(1), "region": made.region}
        return {
            "client_id": self.secret(made.client_id),
            "client_secret": self.secret(made.client_secret),
            "accounts": [account | {"refresh_token": self.secret(made.refresh_token(1))}],
            "endpoints": {"lwa": self.amazon.lwa_url} | dict.fromkeys(("na", "eu", "fe"), self.amazon.url),
        } | ({"key": self.secret(base64.b64encode(bytes(32)).decode())} if "key" in table else {})


@asynccontextmanager
async def rehearsal(directory: Path, settings: Settings) -> AsyncIterator[Rehearsal]:
    """The stand-ins, for as long as the block runs."""
    async with SimulatedSns() as sns, SimulatedSpapi(settings) as amazon, Sink() as sink:
        yield Rehearsal(directory, sns, amazon, sink)


def region_of(rules: Mapping[str, Any]) -> str:
    """The region of the first account."""
    accounts = rules.get("spapi", {}).get("accounts", [])
    return str(accounts[0]["region"]) if accounts else "na"


def toml(value: Any) -> str:
    """A value as TOML: JSON's texts, numbers and lists are TOML's, too."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(name)} = {toml(item)}" for name, item in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def document(rules: Mapping[str, Any]) -> str:
    """A rules file's text."""
    return "".join(f"{name} = {toml(value)}\n" for name, value in rules.items())


async def run(rules: Path, messages: Sequence[Path]) -> bool:
    """Rehearse, and say what came of it; False where a delivery is dead."""
    source, texts = tomllib.loads(_text(rules)), {path.name: _text(path) for path in messages}
    with TemporaryDirectory(prefix="rehearsal-") as directory:
        async with rehearsal(Path(directory), Settings(region=region_of(source), report_time=0.0)) as scene:
            scene.sink.behave(Behaviour(body=_answer(rules)))
            local = scene.directory / "rules.toml"
            local.write_text(document(scene.rules(source)), "utf-8")
            environment = scene.environment | {"PYTHONPATH": str(rules.parent)}
            child = await Child.start(local, environment, lambda line: print(line, file=sys.stderr))
            try:
                rows = await _push(scene, (await child.ready()).public, texts)
            finally:
                await child.stop()
            _show(scene, rows)
    return all(row.state is not State.DEAD for row in rows)


async def _push(scene: Rehearsal, address: str, messages: Mapping[str, str]) -> list[DeliveryRow]:
    for name, text in messages.items():
        answer = await scene.sns.publish(f"http://{address}/sns", scene.message(text))
        print(f"pushed    {name}: {answer.status} {answer.text}")
    inbox = await SqliteInbox.attach(scene.directory / "inbox.db")
    try:
        return await ended(inbox)
    finally:
        await inbox.close()


async def ended(inbox: SqliteInbox, within: float = 60.0) -> list[DeliveryRow]:
    """The deliveries, once all of them have ended. Raises SimulationError when `within` seconds have passed."""
    clock = asyncio.get_running_loop().time
    until = clock() + within
    while clock() < until:
        if not await inbox.deliveries(DeliveryFilter(states=UNDER_WAY, limit=1)):
            rows = await inbox.deliveries(DeliveryFilter(limit=None))
            return sorted(rows, key=lambda row: row.id)
        await asyncio.sleep(0.05)
    raise SimulationError(f"some deliveries had not ended after {within:g} s")


def _text(path: Path) -> str:
    return path.read_text("utf-8")


def _answer(rules: Path) -> str:
    """What webhooks answer."""
    path = rules.with_name("answer.json")
    return _text(path) if path.exists() else '{"ok": true}'


def _show(scene: Rehearsal, rows: Sequence[DeliveryRow]) -> None:
    def show(what: str, text: str) -> None:
        print(f"{what:9} {text.replace(str(scene.files), '')}")

    for row in rows:
        show("delivery", ", ".join(filter(None, [f"{row.rule} -> {row.handler}: {row.state}", row.reason])))
    for (operation, status), count in sorted(scene.amazon.amazon.statistics.calls.items()):
        show("called", f"{operation}: {status}{f', {count} times' if count > 1 else ''}")
    for arrival in scene.sink.arrivals:
        show("arrived", f"{arrival.path}: {_short(arrival.body.decode())}")
    for path, line in _lines(scene.files):
        show("written", f"{path}: {_short(line)}")


def _lines(directory: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            for line in path.read_text("utf-8", "replace").splitlines()[:3]:
                yield path, line


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def main() -> None:
    """The command."""
    if len(sys.argv) < 3:
        sys.exit(f"usage: python {sys.argv[0]} RULES.toml MESSAGE.json…")
    rules, *messages = (Path(name).resolve() for name in sys.argv[1:])
    sys.path.append(str(rules.parent))
    try:
        load(rules)
        sys.exit(0 if asyncio.run(run(rules, messages)) else 1)
    except (RouterError, OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
