import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from receiver.errors import NotAuthentic
from receiver.sns.given import GivenCertificate

if TYPE_CHECKING:
    from tests.receiver.sns.conftest import Amazon, Network

HOST = "https://sns.us-west-2.amazonaws.com"


async def answer(given: GivenCertificate, url: str) -> bytes:
    return (await given(url, limit=100_000, seconds=1)).body


async def test_sns_names_a_certificate_by_its_content(amazon: "Amazon", network: "Network") -> None:
    digest = hashlib.md5(amazon.leaf.certificate.public_bytes(Encoding.DER)).hexdigest()
    url = f"{HOST}/SimpleNotificationService-{digest}.pem"
    given = GivenCertificate(url, Path("anything.pem"), amazon.leaf.pem, network)
    assert await answer(given, url) == amazon.leaf.pem
    assert network.asked == []


async def test_the_files_name_will_do(amazon: "Amazon", network: "Network") -> None:
    given = GivenCertificate(
        amazon.certificate_url, Path(f"dir/{amazon.certificate_url.rpartition('/')[2]}"), amazon.leaf.pem, network
    )
    assert await answer(given, amazon.certificate_url) == amazon.leaf.pem


async def test_another_certificate_is_refused(amazon: "Amazon", network: "Network") -> None:
    given = GivenCertificate(amazon.certificate_url, Path("other.pem"), amazon.leaf.pem, network)
    with pytest.raises(NotAuthentic, match=r"names another certificate than other\.pem"):
        await answer(given, amazon.certificate_url)


async def test_other_urls_go_on(amazon: "Amazon", network: "Network") -> None:
    given = GivenCertificate(amazon.certificate_url, Path("other.pem"), amazon.leaf.pem, network)
    assert await answer(given, amazon.issuer_url) == amazon.intermediate.der
