"""Whether the rules file is the one that the daemon works by."""

from collections.abc import Sequence

from receiver.doctor.check import Result, finding, ok, skipped
from receiver.doctor.patient import Patient
from receiver.presence import stamp_of


async def rules_as_read(patient: Patient) -> Sequence[Result]:
    """A file changed since the daemon took it in, or refused by it, is not what it works by."""
    presence, path = patient.presence, patient.config.path.absolute()
    if presence is None:
        return [skipped("no daemon has said which rules file it read")]
    if presence.rules != str(path):
        return [
            finding(
                f"the daemon on this inbox works by {presence.rules}, not by {path}",
                f"examine that one with --config {presence.rules}, or start the daemon with this one",
            )
        ]
    if presence.rules_stamp != stamp_of(path):
        return [
            finding(
                f"{path} has changed since the daemon took it in",
                "systemctl reload spapi-router, then look for `reload_refused` in its log",
            )
        ]
    return [ok("the daemon works by this file")]
