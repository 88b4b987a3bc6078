"""Whether the daemon itself says that it can take pushes."""

from collections.abc import Sequence
from pathlib import Path

from receiver.access import closed
from receiver.doctor.check import Result, finding, ok, skipped, warning
from receiver.doctor.listener import connectable
from receiver.doctor.patient import Patient
from receiver.doctor.probe import Answer, Unreachable

_READY = 200


async def admin_answers(patient: Patient) -> Sequence[Result]:
    """Asks /readyz, which tries to write to the inbox."""
    if not patient.runs:
        return [skipped("the daemon does not run")]
    addresses = admin_addresses(patient)
    if not addresses:
        return [skipped("server.admin is false")]
    return [await _asked(patient, address) for address in addresses]


async def console_open(patient: Patient) -> Sequence[Result]:
    """Looks whether anybody can use the console and the API."""
    admin, token = patient.config.server.admin, patient.config.console.token
    if not admin:
        return [skipped("server.admin is false")]
    if cure := closed(token is not None, admin):
        return [warning("nobody can use the console and the API: [console] has no token", cure)]
    return [
        ok(f"the console and the API take {'the token of [console]' if token else f'users of this machine at {admin}'}")
    ]


def admin_addresses(patient: Patient) -> tuple[str, ...]:
    """Where the daemon's admin listener is, none where there is no such listener."""
    if patient.presence:
        return patient.presence.admin
    return (str(patient.config.server.admin),) if patient.config.server.admin else ()


async def _asked(patient: Patient, address: str) -> Result:
    try:
        answer = await asked(patient, address, "/readyz")
    except Unreachable as error:
        cure = "look for who else uses the address: ss -ltnp; restart the daemon: systemctl restart spapi-router"
        return finding(f"{address} does not answer: {error}", cure)
    said = " ".join(answer.text.split())[:300]
    if answer.status == _READY:
        return ok(f"{address} says {said}")
    return finding(f"the daemon answers pushes with 503: {said or answer.status}", "do what that text says")


async def asked(patient: Patient, address: str, page: str, most: int = 4096) -> Answer:
    """The beginning of a page of the admin listener. Raises Unreachable."""
    unix = Path(address.removeprefix("unix:")) if address.startswith("unix:") else None
    place = "localhost" if unix else connectable(address)
    return await patient.ways.probe.get(f"http://{place}{page}", unix=unix, most=most)
