"""One operation of SP-API as the catalogue describes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

DEFAULT_RATE = 1.0
"""Calls a second for an operation with no published plan, until an answer's x-amzn-RateLimit-Limit says more."""
DEFAULT_BURST = 1


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: where it goes, and how a list of values is written there."""

    name: str
    place: Literal["path", "query", "header"]
    required: bool = False
    array: Literal["csv", "multi"] | None = None
    """`csv`: values joined by commas; `multi`: the name repeated for each value; None: one value only."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation with its usage plan: `rate` calls a second, `burst` calls at once."""

    api: str
    version: str
    name: str
    method: str
    path: str
    """The path with `{parameter}` fields."""
    full_name: str
    """`api.version.operation`, with `:METHOD` behind it where two operations share the name."""
    parameters: tuple[Parameter, ...] = ()
    takes_body: bool = False
    rate: float | None = None
    burst: int | None = None
    scope: str | None = None
    """For a grantless operation, the scope of its client_credentials token."""
    deprecated: bool = False

    @classmethod
    def parse(cls, record: Mapping[str, Any], full_name: str) -> "Operation":
        """Read a record of operations.json."""
        parameters = tuple(
            Parameter(item["name"], item["in"], item.get("required", False), item.get("array"))
            for item in record["parameters"]
        )
        return cls(
            api=record["api"],
            version=record["version"],
            name=record["operation"],
            method=record["method"],
            path=record["path"],
            full_name=full_name,
            parameters=parameters,
            takes_body=record.get("body", False),
            rate=record.get("rate"),
            burst=record.get("burst"),
            scope=record.get("grantless_scope"),
            deprecated=record.get("deprecated", False),
        )

    @property
    def plan(self) -> tuple[float, int]:
        """The rate and the burst to start with: the published ones, or careful ones where none are published."""
        return (self.rate or DEFAULT_RATE, self.burst or DEFAULT_BURST)

    def has(self, name: str) -> bool:
        """Whether there is a parameter of that name."""
        return any(parameter.name == name for parameter in self.parameters)

    def as_record(self) -> dict[str, Any]:
        """What a listing shows."""
        return {
            "operation": self.full_name,
            "method": self.method,
            "path": self.path,
            "rate": self.rate,
            "burst": self.burst,
            "grantless_scope": self.scope,
            "deprecated": self.deprecated,
            "body": self.takes_body,
            "parameters": [
                {"name": item.name, "in": item.place, "required": item.required, "array": item.array}
                for item in self.parameters
            ],
        }
