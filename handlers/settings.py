"""Value types of the rules file that handler settings and the daemon share: durations, rates, sizes, secrets."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from handlers.errors import HandlerError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h|d)")
_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB|kB|MB|GB)?")
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9}


class SecretError(HandlerError):
    """A secret is named that cannot be read."""


def parse_duration(value: object) -> float:
    """Seconds in a duration such as `30s`, `1h30m` or `250ms`. Raises ValueError."""
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if parts and "".join(number + unit for number, unit in parts) == value:
            return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    raise ValueError(f'{value!r} is not a duration: write a number and ms, s, m, h or d in quotes, like "30s"')


def parse_rate(value: object) -> float:
    """Events a second in a rate such as `20/s` or `100/m`. Raises ValueError."""
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match and float(match[1]) > 0:
        return float(match[1]) / _SECONDS[match[2]]
    raise ValueError(f'{value!r} is not a rate: write a number above 0 and /s, /m, /h or /d in quotes, like "20/s"')


def parse_size(value: object) -> int:
    """Bytes in a size such as `1MiB` or a whole number. Raises ValueError."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match:
        return int(match[1]) * _BYTES[match[2] or "B"]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f'{value!r} is not a size: write bytes, or a number with KiB, MiB or GiB in quotes, like "1MiB"')


Duration = Annotated[
    float,
    BeforeValidator(lambda value: value if isinstance(value, float) else parse_duration(value)),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$", "examples": ["30s", "5m", "12h"]}),
]
Rate = Annotated[
    float,
    BeforeValidator(lambda value: value if isinstance(value, float) else parse_rate(value)),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*/\s*(s|m|h|d)$", "examples": ["20/s", "100/m"]}),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["1MiB", 65536]}),
]


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret by reference: `{ env = "NAME" }`, `{ file = "PATH" }` or `{ credential = "NAME" }` (systemd).

    Never holds the value, so it can be printed. `read` fetches it each time, so a rotated file is taken in.
    """

    source: str
    name: str

    @classmethod
    def parse(cls, value: object) -> "Secret":
        """Read the table of the rules file. Raises ValueError, without repeating a literal."""
        if isinstance(value, Secret):
            return value
        if isinstance(value, Mapping) and len(value) == 1:
            ((source, name),) = value.items()
            if source in {"env", "file", "credential"} and isinstance(name, str) and name:
                return cls(source, name)
        if isinstance(value, str):
            raise ValueError(
                'a secret is never written here: use { env = "NAME" }, { file = "PATH" } or { credential = "NAME" }'
            )
        raise ValueError('a secret is one of { env = "NAME" }, { file = "PATH" } or { credential = "NAME" }')

    def read(self, environ: Mapping[str, str] = os.environ) -> str:
        """The secret's value, one trailing newline removed. Raises SecretError, which says what to set."""
        if self.source == "env":
            if value := environ.get(self.name):
                return value
            raise SecretError(f"environment variable {self.name} is not set: set it, or name another secret")
        path = Path(self.name) if self.source == "file" else self._credential(environ)
        try:
            value = path.read_text("utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(f"secret {self} cannot be read from {path}: {error}") from None
        if value:
            return value
        raise SecretError(f"secret {self}: {path} is empty")

    def _credential(self, environ: Mapping[str, str]) -> Path:
        directory = environ.get("CREDENTIALS_DIRECTORY")
        if directory is None or "/" in self.name or self.name.startswith("."):
            raise SecretError(
                f"systemd credential {self.name!r} is not there: add LoadCredential={self.name}:PATH to the unit"
            )
        return Path(directory) / self.name

    def __str__(self) -> str:
        return f'{{ {self.source} = "{self.name}" }}'

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        options = [
            {
                "type": "object",
                "properties": {name: {"type": "string", "minLength": 1}},
                "required": [name],
                "additionalProperties": False,
            }
            for name in ("env", "file", "credential")
        ]
        return {"oneOf": options, "description": "a secret by reference, never a literal"}


class HandlerSettings(BaseModel):
    """Base of handler settings: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
