"""The files that make a systemd service of the daemon, fitted to a machine and a rules file. Pure but for `templates`.

Sources: systemd.service(5) (quoting, Type=notify-reload since version 253), systemd.socket(5), tmpfiles.d(5),
sysusers.d(5).
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from receiver.config import Configuration, Listen
from receiver.config.secrets import secrets_of
from receiver.errors import RouterError

PLACES = {
    "spapi-router.service": Path("etc/systemd/system/spapi-router.service"),
    "spapi-router.socket": Path("etc/systemd/system/spapi-router.socket"),
    "spapi-router.tmpfiles.conf": Path("etc/tmpfiles.d/spapi-router.conf"),
    "spapi-router.sysusers.conf": Path("etc/sysusers.d/spapi-router.conf"),
}
"""Where each file goes, below the root directory."""
SECRETS = Path("/etc/spapi-router/secrets")
"""Where credentials are loaded from."""

_KNOWS_NOTIFY_RELOAD = 253
_HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 - told, not used
_FOR_ALL = "install for all users, like `pipx install --global spapi-router`, or in a virtual environment below /opt"
_WRITABLE = (Path("/var/lib/spapi-router"), Path("/var/lib/private/spapi-router"))
"""The state directory, by the name that it has and the one that it is kept under (DynamicUser=)."""
_RUNTIME = Path("/run/spapi-router")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9_.@-]{0,254}")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@+=,-]+")


class UnitError(RouterError):
    """The service could not run as asked for; the text says what to change."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the units are for. `systemd` is its version, None where that is not known (the newest is taken)."""

    executable: Path
    config: Path
    systemd: int | None = None


def templates() -> Mapping[str, str]:
    """The files as they are kept in the package, in a checkout those of its `systemd` directory. Raises UnitError."""
    packaged = resources.files("receiver") / "data" / "systemd"
    checkout = Path(__file__).parents[1] / "systemd"
    directory = packaged if packaged.is_dir() else checkout
    try:
        return {name: (directory / name).read_text("utf-8") for name in PLACES}
    except OSError as error:
        raise UnitError(f"this installation has no units ({error}): reinstall spapi-router") from None


def fitted(files: Mapping[str, str], machine: Machine, config: Configuration | None) -> dict[str, str]:
    """The files for a machine, and for its rules file where there is one. Raises UnitError."""
    service, socket = files["spapi-router.service"], files["spapi-router.socket"]
    old = machine.systemd is not None and machine.systemd < _KNOWS_NOTIFY_RELOAD
    signal = ["/bin/kill -HUP $MAINPID"] if old else []
    service = _with(service, "ExecStart", [_command(machine.executable, "serve", "--config", machine.config)])
    service = _with(service, "ExecReload", [*signal, _command(machine.executable, "check", machine.config)])
    service = _with(service, "Type", ["notify"] if old else [])
    if config is not None:
        socket = _with(socket, "ListenStream", [_stream(config.server.listen)])
        names = credentials(config)
        service = _with(service, "# LoadCredential", [f"{name}:{SECRETS / name}" for name in names], "LoadCredential")
    return {**files, "spapi-router.service": service, "spapi-router.socket": socket}


def credentials(config: Configuration) -> list[str]:
    """The systemd credentials that a rules file names, each once. Raises UnitError."""
    names = sorted({secret.name for _, secret in secrets_of(config) if secret.source == "credential"})
    if wrong := [name for name in names if not _CREDENTIAL.fullmatch(name)]:
        raise UnitError(f"{wrong[0]!r} is no name of a systemd credential: use letters, digits and _ . - @")
    return names


def check_visible(paths: Sequence[Path], cure: str = _FOR_ALL) -> None:
    """Refuse what the service could not see: it has no home directories and a /tmp of its own. Raises UnitError."""
    for path in paths:
        if hidden := next((place for place in _HIDDEN if path.is_relative_to(place)), None):
            raise UnitError(f"{path} is below {hidden}, which the service cannot see: {cure}")


def unwritable(config: Configuration) -> str:
    """What the service could not write of what the rules file names, and the cure; empty where it can."""
    database = config.inbox.database
    if any(database.is_relative_to(place) for place in _WRITABLE):
        return ""
    return (
        f"inbox.database is {database}, and the service writes below {_WRITABLE[0]} alone: set it to "
        f'"sqlite://{_WRITABLE[0]}/inbox.db", or allow its directory by ReadWritePaths= in a drop-in '
        "(systemctl edit spapi-router)"
    )


def _stream(listen: Listen) -> str:
    """Where the socket unit listens: addresses only, and not in the directory that goes away with the service."""
    if listen.unix:
        if listen.unix.is_relative_to(_RUNTIME):
            raise UnitError(
                f"server.listen is {listen}, in the directory that a stop of the service removes: "
                'a socket that outlives restarts lies beside it, like "unix:/run/spapi-router.sock"'
            )
        return str(listen.unix).replace("%", "%%")
    try:
        ipaddress.ip_address(listen.host)
    except ValueError:
        if listen.host == "localhost":
            return f"127.0.0.1:{listen.port}"
        raise UnitError(f"server.listen is {listen}: a socket unit takes an address, not a name") from None
    if not listen.port:
        raise UnitError(f"server.listen is {listen}: a socket unit takes a port, which SNS can be told")
    return str(listen)


def _with(text: str, key: str, values: Sequence[str], written: str = "") -> str:
    """A unit with the first line of a key replaced by lines with these values; as it was where there are none."""
    if not values:
        return text
    lines = "\n".join(f"{written or key}={value}" for value in values)
    return re.sub(rf"^{re.escape(key)}=.*$", lambda _: lines, text, count=1, flags=re.MULTILINE)


def _command(*words: object) -> str:
    return " ".join(_word(str(word)) for word in words)


def _word(text: str) -> str:
    """One word of a command line: `%` and `$` stand for themselves, blanks and quotes do not end it."""
    if not text.isprintable():
        raise UnitError(f"{text!r} has control characters: a unit cannot name it")
    text = text.replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
