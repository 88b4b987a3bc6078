"""Whether the daemon runs."""

from collections.abc import Sequence

from receiver.doctor.check import Result, finding, ok, skipped
from receiver.doctor.patient import Patient


async def daemon_runs(patient: Patient) -> Sequence[Result]:
    """It holds the lock beside its database for as long as it lives."""
    if patient.owner_error:
        return [skipped(f"{patient.owner_error}: run as root")]
    if patient.owner is None:
        return [
            finding(
                f"no daemon runs on {patient.config.inbox.database}",
                "systemctl start spapi-router; where that fails, journalctl -u spapi-router says why",
            )
        ]
    return [ok(f"process {patient.owner or '(unknown)'} runs on {patient.config.inbox.database}")]
