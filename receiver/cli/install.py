"""`spapi-router install --systemd`: make a service of the daemon."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import click

from receiver.config import Configuration, load
from receiver.errors import RouterError
from receiver.reach import is_there
from receiver.units import (
    PLACES,
    SECRETS,
    Machine,
    UnitError,
    check_visible,
    credentials,
    fitted,
    templates,
    unwritable,
)

_ROOT = Path("/")
_RULES = Path("/etc/spapi-router/rules.toml")
_NAME = "spapi-router"
_SOCKET = f"{_NAME}.socket"


@click.command("install")
@click.option("--systemd", is_flag=True, help="A systemd service with its socket.")
@click.option("--print", "print_only", is_flag=True, help="Print the files instead of writing them.")
@click.option(
    "--prefix",
    type=click.Path(path_type=Path, file_okay=False),
    default=_ROOT,
    metavar="DIRECTORY",
    help="Write below this directory, which systemd does not look at: for packages and images.  [default: /]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=_RULES,
    metavar="PATH",
    help=f"The service's rules file. Where it is there, its address and credentials are taken.  [default: {_RULES}]",
)
@click.option("--force", is_flag=True, help="Write over files that were changed.")
def command(systemd: bool, print_only: bool, prefix: Path, config: Path, force: bool) -> None:
    """Write what makes a service of spapi-router, and say what to do next."""
    if not systemd:
        raise click.UsageError("say what to install: --systemd")
    config = config.absolute()
    configuration = load(config) if is_there(config) else None
    machine = Machine(_executable(), config, _systemd_version())
    files = fitted(templates(), machine, configuration)
    if configuration and (why := unwritable(configuration)):
        click.echo(f"warning: {why}", err=True)
    if print_only:
        _print(files)
        return
    here = _is_root(prefix)
    if here:
        _check_here(machine)
    written = _write(files, prefix, force)
    if not here:
        click.echo(f"\n{_elsewhere(prefix)}")
    _say_next(config, configuration, None if here else prefix, anew=PLACES[_SOCKET] in written)


def _is_root(directory: Path) -> bool:
    try:
        return directory.samefile(_ROOT)
    except OSError:
        return False


def _elsewhere(prefix: Path) -> str:
    return (
        f"systemd does not look below {prefix}: the files take effect where that is the root directory,\n"
        "as in an image; without --prefix they go to this machine. What follows is for the one that gets them."
    )


def _check_here(machine: Machine) -> None:
    """Raises RouterError where the service could not be written to this machine, or could not run on it."""
    if os.geteuid() != 0:
        raise RouterError(
            "writing to /etc takes root: use sudo, or see the files with --print, or write elsewhere with --prefix"
        )
    check_visible([machine.executable, Path(sys.base_prefix).resolve()])
    check_visible([machine.config, machine.config.resolve()], f"move the rules file, like to {_RULES}")


def _executable() -> Path:
    """The program that the service starts: this one. Raises UnitError."""
    called = shutil.which(sys.argv[0]) if Path(sys.argv[0]).name == _NAME else None
    path = Path(called or Path(sys.executable).with_name(_NAME)).absolute()
    if not path.exists():
        raise UnitError(f"there is no executable {path}: run `install` as the installed {_NAME}")
    return path.resolve()


def _systemd_version() -> int | None:
    try:
        said = subprocess.run(
            ["systemctl", "--version"],  # noqa: S607 - as PATH has it
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"systemd (\d+)", said)
    return int(found[1]) if found else None


def _print(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        click.echo(f"# /{PLACES[name]}\n{text}")


def _write(files: Mapping[str, str], prefix: Path, force: bool) -> Collection[Path]:
    """Write what is not there or differs; the places below the prefix that were written."""
    places = {prefix / PLACES[name]: text for name, text in files.items()}
    try:
        changed = {path: text for path, text in places.items() if not path.exists() or path.read_text("utf-8") != text}
        if there := [str(path) for path in changed if path.exists() and not force]:
            raise RouterError(
                f"{', '.join(there)}: there is another one already. Look at the new one with --print, keep changes of "
                f"your own in a drop-in (systemctl edit {_NAME}), then write over it with --force"
            )
        for path, text in places.items():
            _write_file(path, text) if path in changed else click.echo(f"unchanged  {path}")
    except (OSError, UnicodeDecodeError) as error:
        raise RouterError(f"cannot be written: {error}") from None
    return {path.relative_to(prefix) for path in changed}


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, "utf-8")
    new.chmod(0o644)
    new.replace(path)
    click.echo(f"written    {path}")


def _say_next(config: Path, configuration: Configuration | None, prefix: Path | None, anew: bool) -> None:
    """What is left to do. `anew` is for a socket unit that was written: its old address stays until a stop."""
    steps = ["systemd-sysusers spapi-router.conf", "systemd-tmpfiles --create spapi-router.conf"]
    if configuration is None:
        steps += [f"write {config}, then: {_NAME} check {config}", _again(config, prefix)]
    else:
        steps += [f"put the secret into {SECRETS / name}" for name in credentials(configuration)]
    units = f"{_SOCKET} {_NAME}.service"
    start = [f"systemctl stop {units}", f"systemctl enable --now {units}"]
    steps += [
        "systemctl daemon-reload",
        *(start if anew else [f"systemctl enable {units}", f"systemctl restart {_NAME}.service"]),
        f"{_NAME} doctor --config {config}",
    ]
    click.echo("\nNext:")
    for step in steps:
        click.echo(f"  {step}")


def _again(config: Path, prefix: Path | None) -> str:
    """The command that fits the files to the rules file once it is written."""
    words = [_NAME, "install", "--systemd", "--force"]
    words += [] if config == _RULES else ["--config", str(config)]
    return shlex.join([*words, "--prefix", str(prefix)] if prefix else words)
