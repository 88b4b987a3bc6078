"""Whether every secret of the rules file can be read."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from handlers.base import HandlerError, Secret
from receiver.config.secrets import secrets_of
from receiver.doctor.check import Result, finding, ok, skipped, warning
from receiver.doctor.patient import Patient
from receiver.units import SECRETS

_CREDENTIALS = "CREDENTIALS_DIRECTORY"


async def secrets_readable(patient: Patient) -> Sequence[Result]:
    """Reads each as the daemon would, in the running daemon's environment where there is one."""
    found = list(secrets_of(patient.config))
    if not found:
        return [ok("the rules file names none")]
    environ = patient.environ
    if environ is None:
        return [skipped(f"the environment of process {patient.owner} is not this user's to read: run as root")]
    results = [result for key, secret in found if (result := _judged(key, secret, environ, patient))]
    return results or [ok(f"{len(found)} can be read")]


def _judged(key: str, secret: Secret, environ: Mapping[str, str], patient: Patient) -> Result | None:
    """What is wrong with a secret. Where no daemon runs, nobody knows the environment that it will have."""
    if secret.source == "credential" and not patient.runs and _CREDENTIALS not in environ:
        return _unloaded(key, secret, SECRETS / secret.name)
    try:
        secret.read(environ)
    except HandlerError as error:
        if secret.source == "env" and not patient.runs:
            return warning(f"{key}, in this shell: {error}", "see that the service has it: systemctl cat spapi-router")
        return finding(f"{key}: {error}", "give it to the service, then systemctl restart spapi-router")
    return None


def _unloaded(key: str, secret: Secret, place: Path) -> Result:
    """What can be told of a credential while nobody has it: whether it is where `install` has the unit load it from."""
    if os.access(place.parent, os.X_OK) and not place.exists():
        cure = "put it there, unless the unit loads it from another place: systemctl cat spapi-router"
        return warning(
            f"{key}: there is no {place}; without it systemd does not start the service (243/CREDENTIALS)", cure
        )
    return skipped(f"{key}: {secret} is there only while systemd runs the daemon")
