"""Amazon's own example notifications, as published with the Selling Partner API models."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import orjson

from receiver.simulators.errors import SimulationError


@dataclass(frozen=True, slots=True)
class Example:
    """One example: its type in UPPER_SNAKE and the notification, which nobody changes."""

    type: str
    notification: Mapping[str, Any]


def load() -> tuple[Example, ...]:
    """All examples, by file name."""
    files = (resources.files("receiver.simulators") / "data" / "notifications").iterdir()
    texts = [file.read_bytes() for file in sorted(files, key=lambda file: file.name) if file.name.endswith(".json")]
    return tuple(_example(orjson.loads(text)) for text in texts)


def of_types(examples: Sequence[Example], types: Sequence[str]) -> tuple[Example, ...]:
    """The examples of some types, of all where none are named. Raises SimulationError for a type without example."""
    known = sorted({example.type for example in examples})
    for name in types:
        if name not in known:
            raise SimulationError(f"no example of notification type {name!r}{_hint(name, known)}")
    return tuple(example for example in examples if not types or example.type in types)


def _example(notification: Mapping[str, Any]) -> Example:
    return Example(notification.get("NotificationType") or notification["notificationType"], notification)


def _hint(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name.upper(), known, n=1)
    return f": did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"
