"""Whether SNS would trust the certificate that it is shown."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from receiver.config import TlsSettings
from receiver.doctor.chain import judged
from receiver.doctor.check import Result, finding, skipped, warning
from receiver.doctor.listener import connectable, listening
from receiver.doctor.patient import Patient
from receiver.doctor.probe import Unreachable
from receiver.doctor.served import Place, served_chain
from receiver.sns import Roots

_HTTPS = 443


async def url_certificate(patient: Patient) -> Sequence[Result]:
    """What the subscribed URL shows."""
    url = patient.ways.url
    if not url:
        return [skipped("name the URL that is subscribed to the topic with --url")]
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return [warning(f"{url} is not https: what SNS pushes can be read on the way", "subscribe an https URL")]
    return [await _of_place(patient, Place(host, parts.port or _HTTPS, name=host))]


async def listener_certificate(patient: Patient) -> Sequence[Result]:
    """What the daemon's own listener shows, or would show if the daemon ran."""
    if patient.config.server.tls:
        return await _of_listener(patient, patient.config.server.tls)
    return [skipped("TLS is done in front of the daemon (server.tls is not set)")]


async def _of_listener(patient: Patient, tls: TlsSettings) -> list[Result]:
    if patient.runs:
        return [await _of_place(patient, _place(address)) for address in listening(patient)]
    try:
        chain = await asyncio.to_thread(_read, tls.certificate)
    except (OSError, ValueError) as error:
        return [finding(f"server.tls.certificate {tls.certificate} cannot be used: {error}", "put a PEM file there")]
    return [_judged(patient, chain)]


async def _of_place(patient: Patient, place: Place) -> Result:
    try:
        chain = await served_chain(place)
    except Unreachable as error:
        return finding(f"{place}: {error}", "see whether it is a TLS server that listens there, and its log")
    return _judged(patient, chain, place.name)


def _judged(patient: Patient, chain: Sequence[x509.Certificate], name: str = "") -> Result:
    now = datetime.fromtimestamp(patient.ways.clock(), UTC)
    return judged(chain, patient.ways.roots or Roots.system(), now, name)


def _place(address: str) -> Place:
    if address.startswith("unix:"):
        return Place(unix=Path(address.removeprefix("unix:")))
    host, _, port = connectable(address).rpartition(":")
    return Place(host.strip("[]"), int(port))


def _read(path: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(path.read_bytes())
