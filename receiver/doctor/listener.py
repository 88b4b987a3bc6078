"""Whether pushes reach the daemon: on its own listener, and by the URL that is subscribed to the topic."""

from collections.abc import Sequence
from pathlib import Path

import orjson

from receiver.doctor.check import Result, finding, ok, skipped, warning
from receiver.doctor.patient import Patient
from receiver.doctor.probe import Answer, Unreachable

_NOT_ALLOWED = 405
_ANY = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - compared with, not bound
_MEANINGS = {
    301: "SNS follows no redirect: subscribe the URL that it leads to",
    302: "SNS follows no redirect: subscribe the URL that it leads to",
    307: "SNS follows no redirect: subscribe the URL that it leads to",
    308: "SNS follows no redirect: subscribe the URL that it leads to",
    401: "what is in front asks for credentials: put them into the subscribed URL, or let this path through",
    403: "what is in front refuses: let this path through, from anywhere",
    404: "the path is another one: compare the subscribed URL, the proxy's configuration and server.path",
    502: "the proxy does not reach the daemon: compare its upstream with server.listen",
    503: "the proxy does not reach the daemon: compare its upstream with server.listen",
    504: "the proxy does not reach the daemon: compare its upstream with server.listen",
}
_OTHER = "something else answers there: look at what listens, and at the proxy's configuration"


async def listener_answers(patient: Patient) -> Sequence[Result]:
    """Asks each address of the daemon's for its path."""
    if not patient.runs:
        return [skipped("the daemon does not run")]
    return [await _asked(patient, address) for address in listening(patient)]


async def socket_held(patient: Patient) -> Sequence[Result]:
    """Whether systemd holds the listener's socket while the daemon restarts (sd_listen_fds(3))."""
    if not patient.runs:
        return [skipped("the daemon does not run")]
    if patient.environ is None:
        return [skipped(f"the environment of process {patient.owner} is not this user's to read: run as root")]
    if "NOTIFY_SOCKET" not in patient.environ:
        return [skipped("the daemon is no service of systemd's")]
    if "LISTEN_FDS" in patient.environ:
        return [ok("systemd holds it: a restart refuses no push")]
    units = "spapi-router.socket spapi-router.service"
    cure = f"systemctl stop {units}, then systemctl start {units}: the socket unit cannot begin while the service runs"
    return [warning("the daemon has opened it by itself: a restart refuses pushes meanwhile", cure)]


async def url_answers(patient: Patient) -> Sequence[Result]:
    """Asks the subscribed URL, as SNS would."""
    url = patient.ways.url
    if not url:
        return [skipped("name the URL that is subscribed to the topic with --url")]
    try:
        answer = await patient.ways.probe.get(url, seconds=10)
    except Unreachable as error:
        cure = "look at its name in DNS, the firewall, the proxy, and the certificate"
        return [finding(f"{url} is not reached: {error}", cure)]
    return [judged(answer, url)]


def listening(patient: Patient) -> tuple[str, ...]:
    """Where the running daemon takes pushes: as it says itself, else as the rules file has it."""
    return patient.presence.listen if patient.presence else (str(patient.config.server.listen),)


def connectable(address: str) -> str:
    """An address to connect to for one that is listened on."""
    host, colon, port = address.rpartition(":")
    return _ANY.get(host, host) + colon + port


def judged(answer: Answer, where: str) -> Result:
    """Whether an answer to GET is the daemon's own, which takes only POST there."""
    if answer.status == _NOT_ALLOWED and _reason(answer) == "method_not_allowed":
        return ok(f"{where} is the daemon's")
    return finding(f"{where} answers {answer.status}, not as the daemon does", _MEANINGS.get(answer.status, _OTHER))


async def _asked(patient: Patient, address: str) -> Result:
    path = patient.config.server.path
    scheme = "https" if patient.config.server.tls else "http"
    unix = Path(address.removeprefix("unix:")) if address.startswith("unix:") else None
    place = "localhost" if unix else connectable(address)
    try:
        answer = await patient.ways.probe.get(f"{scheme}://{place}{path}", unix=unix, trusted=False)
    except Unreachable as error:
        cure = "restart it: systemctl restart spapi-router; look for who else uses the address: ss -ltnp"
        return finding(f"the daemon runs, but {address} does not answer: {error}", cure)
    return judged(answer, f"{address}{path}")


def _reason(answer: Answer) -> str:
    try:
        problem = orjson.loads(answer.text)
    except orjson.JSONDecodeError:
        return ""
    return str(problem.get("reason", "")) if isinstance(problem, dict) else ""
