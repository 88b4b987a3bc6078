"""Whether the daemon itself says that it can take pushes."""

from collections.abc import Sequence
from pathlib import Path

from receiver.doctor.check import Result, finding, ok, skipped
from receiver.doctor.listener import connectable
from receiver.doctor.patient import Patient
from receiver.doctor.probe import Unreachable

_READY = 200


async def admin_answers(patient: Patient) -> Sequence[Result]:
    """Asks /readyz, which tries to write to the inbox."""
    if not patient.runs:
        return [skipped("the daemon does not run")]
    addresses = _addresses(patient)
    if not addresses:
        return [skipped("server.admin is false")]
    return [await _asked(patient, address) for address in addresses]


def _addresses(patient: Patient) -> tuple[str, ...]:
    if patient.presence:
        return patient.presence.admin
    return (str(patient.config.server.admin),) if patient.config.server.admin else ()


async def _asked(patient: Patient, address: str) -> Result:
    unix = Path(address.removeprefix("unix:")) if address.startswith("unix:") else None
    place = "localhost" if unix else connectable(address)
    try:
        answer = await patient.ways.probe.get(f"http://{place}/readyz", unix=unix)
    except Unreachable as error:
        cure = "look for who else uses the address: ss -ltnp; restart the daemon: systemctl restart spapi-router"
        return finding(f"{address} does not answer: {error}", cure)
    said = " ".join(answer.text.split())[:300]
    if answer.status == _READY:
        return ok(f"{address} says {said}")
    return finding(f"the daemon answers pushes with 503: {said or answer.status}", "do what that text says")
