"""A request as the stand-in's parts see it, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from receiver.simulators.spapi.shop import Shop, World


class Rejected(Exception):
    """A request that is answered with an error of SP-API's."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"errors": [{"code": self.code, "message": self.message, "details": self.details}]}


def invalid(message: str) -> Rejected:
    """What SP-API says to parameters it cannot take."""
    return Rejected(400, "InvalidInput", message)


def not_found(what: str) -> Rejected:
    """What SP-API says to an id it does not know."""
    return Rejected(404, "NotFound", f"The requested resource is not found: {what}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in JSON; None stands for no body."""

    json: Any = None
    status: int = 200


@dataclass(frozen=True, slots=True)
class Ask:
    """One call of an operation."""

    operation: Any
    """A `handlers.spapi.operation.Operation`."""
    shop: Shop | None
    """None for a grantless call."""
    arguments: Mapping[str, list[str]]
    body: Any
    now: float
    base: str
    """The stand-in's own URL, without a slash at its end."""
    world: World
    elements: frozenset[str] = field(default_factory=frozenset)
    """The personal data that a restricted data token opens."""

    @property
    def seller(self) -> Shop:
        """The shop of a call that is made for a seller."""
        if self.shop is None:
            raise Rejected(403, "Unauthorized", "Access to requested resource is denied.")
        return self.shop

    def one(self, name: str, default: str = "") -> str:
        """A parameter's value."""
        values = self.arguments.get(name)
        return values[0] if values else default

    def several(self, name: str) -> list[str]:
        """The values of a list, whether repeated or joined by commas."""
        return [part for value in self.arguments.get(name, []) for part in value.split(",") if part]

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 to `most`. Raises Rejected."""
        text = self.one(name, str(default))
        if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= most:
            raise invalid(f"{name} must be a number from 1 to {most}")
        return int(text)
