"""Whether this machine's clock is right."""

from collections.abc import Sequence

from receiver.doctor.check import Result, finding, ok, skipped
from receiver.doctor.egress import sns_hosts
from receiver.doctor.patient import Patient
from receiver.doctor.probe import Unreachable

_MOST = 60.0


async def clock_agrees(patient: Patient) -> Sequence[Result]:
    """Compares with the Date of SNS's answer (RFC 9110, section 6.6.1: whole seconds)."""
    host = sns_hosts(patient.config)[0]
    try:
        answer = await patient.ways.probe.get(f"https://{host}/")
    except Unreachable as error:
        return [skipped(f"{host} does not tell the time: {error}")]
    if answer.date is None:
        return [skipped(f"{host} does not tell the time")]
    ahead = (answer.asked_at + answer.heard_at) / 2 - answer.date
    if abs(ahead) <= _MOST:
        return [ok(f"within {_MOST:g} s of {host}'s")]
    way = "ahead of" if ahead > 0 else "behind"
    return [
        finding(
            f"it is {abs(ahead):.0f} s {way} {host}'s: certificates, the age of messages, webhook signatures and "
            "tokens are judged by it",
            "timedatectl set-ntp true, or start chronyd",
        )
    ]
