"""Readings that cannot be taken are absent, and ends are told as they are."""

import datetime as dt
import math
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from receiver.dispatcher.snapshot import LaneSnapshot
from receiver.inbox.measures import Measures
from receiver.metrics import Looks, Sources
from receiver.tls import ServerTls

NOW = 1_800_000_000.0


def looks(**changes: object) -> Looks:
    lanes: dict[str, LaneSnapshot] = {}
    given = {
        "lanes": lambda: lanes,
        "plans": list,
        "refusals": list,
        "signing": lambda: {"https://a": NOW, "https://stand-in": math.inf},
        "tls": lambda: None,
        "in_flight": lambda: 3,
    }
    return Looks(**(given | changes))  # type: ignore[arg-type]


def certificate(path: Path, key: ec.EllipticCurvePrivateKey, *days: int) -> None:
    """A chain of certificates that end after so many days."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begins = dt.datetime.fromtimestamp(NOW, dt.UTC) - dt.timedelta(days=1)
    pem = b""
    for number, each in enumerate(days, 1):
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        ends = dt.datetime.fromtimestamp(NOW, dt.UTC) + dt.timedelta(days=each)
        builder = builder.serial_number(number).not_valid_before(begins).not_valid_after(ends)
        pem += builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path.write_bytes(pem)


async def test_what_cannot_be_read_is_absent_and_what_never_ends_is_left_out(tmp_path: Path) -> None:
    sources = Sources(lambda: NOW, Measures(tmp_path / "none.db"), looks(), dict)
    readings = await sources.take()
    assert readings.figures is None
    assert readings.signing == {"https://a": NOW}
    assert (readings.at, readings.in_flight, readings.client_secret, readings.tls) == (NOW, 3, None, None)


@pytest.mark.parametrize(("day", "seconds"), [(dt.date(2027, 1, 31), 1_801_353_600.0), (None, None)])
async def test_a_client_secret_ends_as_its_day_begins(
    tmp_path: Path, day: dt.date | None, seconds: float | None
) -> None:
    sources = Sources(lambda: NOW, Measures(tmp_path / "none.db"), looks(), dict, client_secret_expires=day)
    assert (await sources.take()).client_secret == seconds


def test_the_first_end_of_the_chain_counts_also_after_a_reload(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pair = tmp_path / "chain.pem", tmp_path / "key.pem"
    pair[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate(pair[0], key, 90, 30)
    tls = ServerTls(*pair)
    assert tls.ends == NOW + 30 * 86400
    certificate(pair[0], key, 60)
    assert tls.reload()
    assert tls.ends == NOW + 60 * 86400
