"""The credentials of the running service, for commands beside it."""

import os
from collections.abc import MutableMapping
from pathlib import Path

_SERVICE = Path("/run/credentials/spapi-router.service")
_VARIABLE = "CREDENTIALS_DIRECTORY"


def borrow(environ: MutableMapping[str, str] = os.environ, place: Path = _SERVICE) -> None:
    """Name the service's credentials in the environment, where it names none and this user may read them.

    systemd keeps them there while the service runs, for root and the service's user (systemd.exec(5)).
    """
    if _VARIABLE not in environ and os.access(place, os.R_OK | os.X_OK):
        environ[_VARIABLE] = str(place)
