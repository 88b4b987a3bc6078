"""Value types that only the daemon's own sections of the rules file have: addresses, networks, topics, URLs."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema

from handlers.base import RelativePath
from receiver.sns.topics import TopicList

_HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})")
_LISTEN_CURE = 'write an address and a port like "127.0.0.1:8080" or "[::1]:8080", or "unix:/run/NAME.sock"'
_LONGEST_SOCKET_PATH = 107
_DATABASE_CURE = (
    'write "sqlite:///var/lib/spapi-router/inbox.db" for an absolute path, '
    'or "sqlite:inbox.db" for one beside the rules file'
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: a TCP host and port (0 for any free one), or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    unix: Path | None = None

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """Raises ValueError."""
        if text.startswith("unix:"):
            return cls(unix=_socket_path(text.removeprefix("unix:")))
        match = _HOST_PORT.fullmatch(text)
        if not match or int(match["port"]) > 65535:
            raise ValueError(f'"{text}" is not an address to listen on: {_LISTEN_CURE}')
        return cls(_host(match["v6"] or match["name"]), int(match["port"]))

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return self.unix is not None or self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix:{self.unix}" if self.unix else f"{host}:{self.port}"


def _host(text: str) -> str:
    """An IP address or a host name; digits and dots alone must be a real address. Raises ValueError."""
    if ":" in text or not text.strip("0123456789."):
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            raise ValueError(f'"{text}" is not an IP address: {_LISTEN_CURE}') from None
    return text


def _socket_path(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError(f'the path of a Unix socket is absolute: write "unix:/run/{text.strip("./") or "NAME.sock"}"')
    if len(text.encode()) > _LONGEST_SOCKET_PATH:
        raise ValueError(f"the path of a Unix socket has at most {_LONGEST_SOCKET_PATH} bytes: choose a shorter one")
    return Path(text)


def _listen(value: Any) -> Listen:
    if isinstance(value, Listen):
        return value
    if not isinstance(value, str):
        raise ValueError(f"is not an address to listen on: {_LISTEN_CURE}")
    return Listen.parse(value)


def _admin(value: Any) -> Listen | None:
    return None if value is False or value is None else _listen(value)


def _network(value: Any) -> Network:
    cure = 'write one like "10.0.0.0/8" or "::1"'
    if not isinstance(value, str):
        raise ValueError(f"is not an address or a network: {cure}")
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f'"{value}" is not an address or a network: {cure}') from None
    if "/" in value and ipaddress.ip_address(value.partition("/")[0]) != network.network_address:
        raise ValueError(f'"{value}" has bits set outside of its network: did you mean "{network}"?')
    return network


def _topic(value: str) -> str:
    TopicList([value])
    return value


def _database(value: Any) -> str:
    """The path in a database URL, as text. Raises ValueError."""
    if isinstance(value, Path):
        return str(value)
    scheme, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if scheme in {"postgresql", "postgres"}:
        raise ValueError(f"PostgreSQL is not supported yet: {_DATABASE_CURE}")
    if scheme != "sqlite" or not colon or rest.strip("/") in {"", ":memory:"} or rest.endswith("/"):
        raise ValueError(f"names no database file: {_DATABASE_CURE}")
    if rest.startswith("//") and not rest.startswith("///"):
        raise ValueError(f"after sqlite:// comes an absolute path: {_DATABASE_CURE}")
    return "/" + rest.lstrip("/") if rest.startswith("/") else rest


def web_url(value: str) -> str:
    """An http or https URL without credentials, query and fragment. Raises ValueError, which does not repeat it."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError('is not a URL: write one like "https://example.com/"') from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError('is not a URL: write one like "https://example.com/"')
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a user, a password, a query or a fragment cannot stand in this URL")
    return value


def _redirect(value: str) -> str:
    """A redirect URI: https, or http on this machine for a simulator. Raises ValueError."""
    parts = urlsplit(web_url(value))
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise ValueError("must be https: the code in it opens the seller's account")
    if parts.path:
        _path(parts.path)
    return value


def _path(value: str) -> str:
    if re.fullmatch(r"/[A-Za-z0-9._~/-]*", value):
        return value
    raise ValueError(f'"{value}" is not the path of a URL: write one like "/sns", of letters, digits and . _ ~ - /')


_LISTEN_SCHEMA = {"type": "string", "pattern": r"^(unix:/|([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$)"}
_URL_BEGIN = "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#]+"


def _day(value: Any) -> Any:
    """A number, also in quotes, would be taken for seconds since the epoch. Raises ValueError."""
    if not isinstance(value, str | int | float):
        return value
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(value)):
            return date.fromisoformat(str(value))
    except ValueError:
        pass
    raise ValueError('is not a day: write one like "2027-01-31"')


ListenAddress = Annotated[
    Listen,
    PlainValidator(_listen),
    WithJsonSchema({**_LISTEN_SCHEMA, "examples": ["127.0.0.1:8080", "unix:/run/spapi-router/sns.sock"]}),
]
AdminAddress = Annotated[
    Listen | None,
    PlainValidator(_admin),
    WithJsonSchema({"anyOf": [_LISTEN_SCHEMA, {"const": False}], "examples": ["127.0.0.1:9090", False]}),
]
TrustedNetwork = Annotated[
    Network,
    PlainValidator(_network),
    WithJsonSchema(
        {"type": "string", "pattern": r"^([0-9]+\.|[0-9A-Fa-f]*:)", "examples": ["127.0.0.1/32", "10.0.0.0/8"]}
    ),
]
TopicPattern = Annotated[
    str,
    AfterValidator(_topic),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^arn:[^:]+:sns:[^:]+:[0-9]{12}:[^:]+$",
            "examples": ["arn:aws:sns:us-east-1:123456789012:sp-api-*"],
        }
    ),
]
DatabasePath = Annotated[
    RelativePath,
    BeforeValidator(_database),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^sqlite:(/|///+)?[^/]",
            "examples": ["sqlite:///var/lib/spapi-router/inbox.db", "sqlite:inbox.db"],
        }
    ),
]
WebUrl = Annotated[
    str, AfterValidator(web_url), WithJsonSchema({"type": "string", "pattern": rf"{_URL_BEGIN}(/[^?#]*)?\??#?$"})
]
RedirectUri = Annotated[
    str,
    AfterValidator(_redirect),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"{_URL_BEGIN}(/[A-Za-z0-9._~/-]*)?\??#?$",
            "examples": ["https://router.example.com/authorize/callback"],
        }
    ),
]
Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema(
        {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2027-01-31"]}
    ),
]
UrlPath = Annotated[
    str,
    AfterValidator(_path),
    WithJsonSchema({"type": "string", "pattern": "^/[A-Za-z0-9._~/-]*$", "examples": ["/sns"]}),
]
