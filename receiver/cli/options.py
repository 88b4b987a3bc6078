"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from receiver.errors import ConfigError
from receiver.reach import is_there

PLACES = (Path("rules.toml"), Path("/etc/spapi-router/rules.toml"))
"""Where the rules file is looked for when no option names it."""

F = TypeVar("F", bound=Callable[..., Any])


def find_config(given: Path | None) -> Path:
    """The rules file: the one given, else the first of PLACES that is there. Raises ConfigError."""
    if given is None:
        found = next((place for place in PLACES if _lies(place)), None)
        if found is None:
            raise ConfigError(
                f"there is no rules file: neither ./{PLACES[0]} nor {PLACES[1]} exists; name one with --config PATH"
            )
        return found
    if not is_there(given):
        raise ConfigError(f"there is no rules file {given}: name another with --config PATH")
    return given


def _lies(place: Path) -> bool:
    """Whether a file is there; one that cannot be reached, as in a directory of another user's, is none to be found."""
    try:
        return place.exists()
    except OSError:
        return False


def config_option(command: F) -> F:
    """`--config PATH`; the command gets the rules file's path, which is there, as `config`."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        callback=lambda _ctx, _param, value: find_config(value),
        metavar="PATH",
        help=f"The rules file.  [default: ./{PLACES[0]}, then {PLACES[1]}]",
    )(command)
