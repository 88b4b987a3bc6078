"""The demo's rules file: the annotated one, with addresses, signer, secrets and destinations of this machine."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import orjson

from receiver.demo.journeys import NOTIFICATION_HEADER
from receiver.simulators.errors import SimulationError

SECRET_VARIABLE = "DEMO_WEBHOOK_SECRET"  # noqa: S105 - the name of the variable, not the secret
_KEPT = ("timeout", "concurrency", "rate", "retry", "breaker")
_CALLING = frozenset({"order", "spapi"})
"""Types of handlers that stay what they are: SP-API has a stand-in here."""
_NOT_HERE = ("tls", "trusted_proxies", "basic_auth")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the demo runs beside the daemon."""

    directory: Path
    signer_url: str
    certificate: Path
    topic: str
    sink_url: str
    spapi: Mapping[str, Any]
    """The section [spapi] that calls the stand-in."""


def annotated_rules() -> str:
    """The text of the annotated rules.toml: the package's, in a checkout the one at its top. Raises SimulationError."""
    checkout = Path(__file__).parents[2]
    packaged = resources.files("receiver") / "data" / "rules.toml"
    if packaged.is_file():
        return packaged.read_text("utf-8")
    if (checkout / "pyproject.toml").is_file() and (checkout / "rules.toml").is_file():
        return (checkout / "rules.toml").read_text("utf-8")
    raise SimulationError("this installation has no annotated rules.toml: reinstall spapi-router")


def demo_rules(annotated: str, around: Surroundings) -> str:
    """The rules of an annotated file with everything else replaced by what there is on this machine.

    Handlers that call SP-API stay, with the stand-in to call. Each other one becomes a `forward` to the sink, on a path
    of its name, with the options that every handler has.
    """
    source = tomllib.loads(annotated)
    server = {name: value for name, value in source.get("server", {}).items() if name not in _NOT_HERE}
    topics = [*source.get("sns", {}).get("topics", []), around.topic]
    return _document(
        {
            "server": server | {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "stop_grace": "5s"},
            "sns": {
                "topics": list(dict.fromkeys(topics)),
                "signers": [{"url": around.signer_url, "certificate": str(around.certificate)}],
            },
            "inbox": {"database": f"sqlite://{around.directory / 'inbox.db'}"},
            "log": {"format": "json"},
            "spapi": around.spapi,
            "handlers": {name: _handler(name, handler, around) for name, handler in source.get("handlers", {}).items()},
            "rules": source.get("rules", []),
        }
    )


def push_path(rules: str) -> str:
    """The path that a rules file has pushes come to."""
    path: str = tomllib.loads(rules)["server"].get("path", "/sns")
    return path


def _handler(name: str, handler: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    if handler.get("type") in _CALLING:
        return dict(handler)
    return {key: handler[key] for key in _KEPT if key in handler} | {
        "type": "forward",
        "url": around.sink_url + name,
        "secret": {"env": SECRET_VARIABLE},
        "headers": {NOTIFICATION_HEADER: "{notification_id}"},
        "allow_private": True,
    }


def _document(tables: Mapping[str, Any]) -> str:
    """TOML with a line for each key of a table, and whatever is in it inline."""
    lines = ["# Made by `spapi-router demo`."]
    for name, table in tables.items():
        if isinstance(table, list):
            for item in table:
                lines += ["", f"[[{name}]]", *_pairs(item)]
        else:
            lines += ["", f"[{name}]", *_pairs(table)]
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_text(key)} = {_inline(value)}" for key, value in table.items()]


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_pairs(value)) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    if isinstance(value, str):
        return _text(value)
    return orjson.dumps(value).decode() if isinstance(value, bool | int | float) else str(value)


def _text(value: str) -> str:
    """A TOML basic string: JSON's escapes are a part of TOML's, which wants DEL escaped too."""
    return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
