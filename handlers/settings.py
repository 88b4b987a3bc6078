"""Value types of the rules file that handler settings and the daemon share: durations, rates, sizes, paths, secrets."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from handlers.errors import HandlerError
from handlers.quantities import parse_duration, parse_rate, parse_size


class SecretError(HandlerError):
    """A secret is named that cannot be read."""


def _duration(value: object, info: ValidationInfo) -> float:
    """A number of seconds is for code; in a file (validated as JSON) it would leave the unit to guesses."""
    return value if isinstance(value, float) and info.mode == "python" else parse_duration(value)


def _rate(value: object, info: ValidationInfo) -> float:
    return value if isinstance(value, float) and info.mode == "python" else parse_rate(value)


def _positive(seconds: float) -> float:
    if seconds > 0:
        return seconds
    raise ValueError("must be longer than nothing")


def _some_path(value: object) -> object:
    """An empty text would be the rules file's directory."""
    if value == "":
        raise ValueError("must not be empty")
    return value


def in_directory(path: Path, info: ValidationInfo) -> Path:
    """A relative path as seen from the rules file, where the validation context names its `directory`."""
    directory = info.context.get("directory") if isinstance(info.context, Mapping) else None
    return Path(directory) / path if directory is not None else path


_DURATION_SCHEMA = {
    "type": "string",
    "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$",
    "examples": ["30s", "5m", "12h"],
}
_SOME = "(?=.*[1-9])"
_POSITIVE_SCHEMA = {**_DURATION_SCHEMA, "pattern": rf"^{_SOME}([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"}

Duration = Annotated[float, BeforeValidator(_duration), WithJsonSchema(_DURATION_SCHEMA)]
"""Seconds, written like `30s`."""
PositiveDuration = Annotated[
    float, BeforeValidator(_duration), AfterValidator(_positive), WithJsonSchema(_POSITIVE_SCHEMA)
]
"""Seconds above 0."""
Rate = Annotated[
    float,
    BeforeValidator(_rate),
    WithJsonSchema(
        {"type": "string", "pattern": rf"^{_SOME}[0-9]+(\.[0-9]+)?\s*/\s*(s|m|h|d)$", "examples": ["20/s", "100/m"]}
    ),
]
"""Events a second, written like `20/s`."""
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "pattern": r"^[0-9]+\s*(B|KiB|MiB|GiB|kB|MB|GB)?$",
            "minimum": 0,
            "examples": ["1MiB", 65536],
        }
    ),
]
"""Bytes, written like `1MiB`."""
RelativePath = Annotated[
    Path,
    BeforeValidator(_some_path),
    AfterValidator(in_directory),
    WithJsonSchema({"type": "string", "minLength": 1, "description": "a path, relative ones seen from this file"}),
]
"""A path; a relative one is seen from the rules file's directory, wherever the daemon was started."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret by reference: `{ env = "NAME" }`, `{ file = "PATH" }` or `{ credential = "NAME" }` (systemd).

    Never holds the value, so it can be printed. `read` fetches it each time, so a rotated file is taken in.
    In a rules file a relative PATH is seen from that file's directory.
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
        except UnicodeDecodeError:
            raise SecretError(f"secret {self}: {path} cannot be read as UTF-8 text") from None
        except OSError as error:
            raise SecretError(f"secret {self} cannot be read from {path}: {error.strerror}") from None
        if value:
            return value
        raise SecretError(f"secret {self}: {path} is empty")

    def _credential(self, environ: Mapping[str, str]) -> Path:
        directory = environ.get("CREDENTIALS_DIRECTORY")
        if directory is None or "/" in self.name or self.name.startswith("."):
            raise SecretError(
                f"systemd credential {self.name!r} is not there: add LoadCredential={self.name}:PATH to the unit "
                "and restart it; a command beside the service has its credentials as root, while it runs"
            )
        return Path(directory) / self.name

    def __str__(self) -> str:
        return f'{{ {self.source} = "{self.name}" }}'

    @classmethod
    def _validated(cls, value: Any, info: ValidationInfo) -> "Secret":
        secret = cls.parse(value)
        return cls("file", str(in_directory(Path(secret.name), info))) if secret.source == "file" else secret

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(cls._validated)

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
