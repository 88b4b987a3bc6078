import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from receiver.errors import NotAuthentic, Unavailable
from receiver.sns import CertificateStore, Fetched, FetchFailed, Roots

if TYPE_CHECKING:
    from tests.receiver.sns.conftest import Amazon, Network, Ticks

DAY = timedelta(days=1)
HTML = b"<!DOCTYPE html><html><body>Sign in to the network</body></html>"


@pytest.fixture
def get(amazon: "Amazon", store: CertificateStore) -> Callable[..., Awaitable[Any]]:
    def get(url: str = amazon.certificate_url, region: str = "us-west-2", now: float = amazon.now) -> Awaitable[Any]:
        return store.get(url, region, now)

    return get


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def files(directory: Path, pattern: str = "*") -> list[Path]:
    return sorted(directory.glob(pattern))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def numbered_url(number: int) -> str:
    return f"https://sns.us-west-2.amazonaws.com/SimpleNotificationService-{number:032x}.pem"


async def test_many_who_wait_share_one_fetch(amazon: "Amazon", get: Any, network: "Network") -> None:
    keys = await asyncio.gather(*(get() for _ in range(50)))
    assert {held.key.public_numbers().n for held in keys} == {amazon.leaf.key.public_key().public_numbers().n}
    assert network.asked == [amazon.certificate_url, amazon.issuer_url]


async def test_one_who_leaves_does_not_end_the_fetch_for_the_others(
    amazon: "Amazon", get: Any, network: "Network"
) -> None:
    gate = asyncio.Event()

    async def slow() -> bytes:
        await gate.wait()
        return amazon.leaf.pem

    network.answers[amazon.certificate_url] = slow
    first, second = asyncio.ensure_future(get()), asyncio.ensure_future(get())
    await network.reached(1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.set()
    assert await second
    assert network.asked.count(amazon.certificate_url) == 1


async def test_close_ends_what_is_under_way(amazon: "Amazon", store: CertificateStore, network: "Network") -> None:
    async def never() -> bytes:
        await asyncio.Event().wait()
        return b""

    network.answers[amazon.certificate_url] = never
    waiting = asyncio.ensure_future(store.get(amazon.certificate_url, "us-west-2", amazon.now))
    await network.reached(1)
    await store.close()
    with pytest.raises(Unavailable) as raised:
        await waiting
    assert raised.value.reason == "stopping"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        HTML,
        Fetched(404, b""),
        Fetched(403, b"<Error/>"),
        Fetched(301, b""),
        Fetched(204, b""),
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        b"x" * 70_000,
    ],
)
async def test_what_is_no_certificate_is_refused(amazon: "Amazon", get: Any, network: "Network", answer: Any) -> None:
    network.answers[amazon.certificate_url] = answer
    with pytest.raises(NotAuthentic) as raised:
        await get()
    assert raised.value.reason == "certificate"


def der_in_place_of_pem(amazon: "Amazon") -> bytes:
    return amazon.leaf.der


def two_certificates(amazon: "Amazon") -> bytes:
    return amazon.leaf.pem + amazon.intermediate.pem


def with_text_around(amazon: "Amazon") -> bytes:
    return b"<pre>" + amazon.leaf.pem


def cut_off(amazon: "Amazon") -> bytes:
    return amazon.leaf.pem[:-40]


def damaged(amazon: "Amazon") -> bytes:
    lines = amazon.leaf.pem.splitlines(keepends=True)
    return b"".join(lines[:5] + lines[6:])


def endless(amazon: "Amazon") -> bytes:
    return amazon.leaf.pem + b"\n" * 70_000


def a_private_key(amazon: "Amazon") -> bytes:
    return amazon.leaf.pem.replace(b"CERTIFICATE", b"PRIVATE KEY")


@pytest.mark.parametrize(
    "make", [der_in_place_of_pem, two_certificates, with_text_around, cut_off, damaged, endless, a_private_key]
)
async def test_a_certificate_stands_alone_in_pem(
    amazon: "Amazon", get: Any, network: "Network", make: Callable[["Amazon"], bytes]
) -> None:
    network.answers[amazon.certificate_url] = make(amazon)
    with pytest.raises(NotAuthentic) as raised:
        await get()
    assert raised.value.reason == "certificate"


@pytest.mark.parametrize(
    ("wishes", "fault"),
    [
        ({"names": ["sns.us-west-2.amazonaws.com"]}, "not for sns.amazonaws.com"),
        ({"names": ["*.amazonaws.com"]}, "not for sns.amazonaws.com"),
        ({"names": ["sns.amazonaws.com.evil.example"]}, "not for sns.amazonaws.com"),
        ({"names": []}, "not for sns.amazonaws.com"),
        ({"uses": []}, "not meant for servers"),
        ({"uses": ["1.3.6.1.5.5.7.3.3"]}, "not meant for servers"),
        ({"ca": True}, "is a certificate authority's"),
        ({"digital_signature": False}, "not meant for signatures"),
    ],
)
async def test_a_certificate_that_is_not_sns_is_refused(
    amazon: "Amazon", get: Any, network: "Network", oid: Any, wishes: dict[str, Any], fault: str
) -> None:
    if "uses" in wishes:
        wishes = {"uses": [oid(use) for use in wishes["uses"]]}
    network.answers[amazon.certificate_url] = amazon.another_leaf(**wishes).pem
    with pytest.raises(NotAuthentic, match=fault) as raised:
        await get()
    assert raised.value.reason == "certificate"


async def test_other_keys_are_refused(
    amazon: "Amazon", get: Any, network: "Network", ticks: "Ticks", elliptic_key: Any, short_key: Any
) -> None:
    for key, fault in ((elliptic_key, "no RSA key"), (short_key, "1024 bits")):
        network.answers[amazon.certificate_url] = amazon.another_leaf(key).pem
        with pytest.raises(NotAuthentic, match=fault):
            await get()
        ticks.now += 61


async def test_the_name_goes_by_the_region(amazon: "Amazon", get: Any, network: "Network") -> None:
    url = amazon.certificate_url.replace("us-west-2", "af-south-1")
    network.answers[url] = amazon.another_leaf(names=["sns-signing.af-south-1.amazonaws.com"]).pem
    assert await get(url, "af-south-1")
    other = numbered_url(1).replace("us-west-2", "ap-east-1")
    network.answers[other] = amazon.leaf.pem
    with pytest.raises(NotAuthentic, match=r"not for sns-signing\.ap-east-1"):
        await get(other, "ap-east-1")


async def test_dates_count(amazon: "Amazon", get: Any, network: "Network", ticks: "Ticks") -> None:
    network.answers[amazon.certificate_url] = amazon.another_leaf(
        begins=at(amazon.now) - DAY, ends=at(amazon.now) + DAY
    ).pem
    with pytest.raises(NotAuthentic, match="ended at"):
        await get(now=amazon.now + 86401)
    ticks.now += 61
    with pytest.raises(Unavailable, match="check the clock") as raised:
        await get(now=amazon.now - 86401)
    assert raised.value.reason == "certificate_not_yet_valid"
    ticks.now += 6
    assert await get()


@pytest.mark.parametrize(
    "answer", [FetchFailed("no route"), Fetched(500, b""), Fetched(503, b""), Fetched(429, b""), Fetched(408, b"")]
)
async def test_what_may_pass_is_unavailable_and_soon_tried_again(
    amazon: "Amazon", get: Any, network: "Network", ticks: "Ticks", answer: Any
) -> None:
    network.answers[amazon.certificate_url] = answer
    for _ in range(3):
        with pytest.raises(Unavailable) as raised:
            await get()
        assert raised.value.reason == "certificate_unavailable"
    assert len(network.asked) == 1
    network.answers[amazon.certificate_url] = amazon.leaf.pem
    ticks.now += 4.9
    with pytest.raises(Unavailable):
        await get()
    ticks.now += 0.2
    assert await get()


async def test_a_refusal_is_remembered_for_a_minute(
    amazon: "Amazon", get: Any, network: "Network", ticks: "Ticks"
) -> None:
    network.answers[amazon.certificate_url] = HTML
    errors = []
    for _ in range(5):
        with pytest.raises(NotAuthentic) as raised:
            await get()
        errors.append(raised.value)
    assert len(network.asked) == 1
    assert len({id(error) for error in errors}) == 5
    network.answers[amazon.certificate_url] = amazon.leaf.pem
    ticks.now += 59
    with pytest.raises(NotAuthentic):
        await get()
    ticks.now += 2
    assert await get()


async def test_a_sender_who_invents_urls_gets_a_bounded_number_of_fetches(
    amazon: "Amazon", get: Any, network: "Network", ticks: "Ticks"
) -> None:
    assert await get()
    outcomes = []
    for number in range(200):
        with pytest.raises((NotAuthentic, Unavailable)) as raised:
            await get(numbered_url(number))
        outcomes.append(raised.value.reason)
    assert outcomes == ["certificate"] * 19 + ["certificate_fetches"] * 181
    assert await get(), "a key at hand is not affected"
    ticks.now += 6.1
    for number in range(300, 310):
        with pytest.raises((NotAuthentic, Unavailable)):
            await get(numbered_url(number))
    assert len(network.asked) == 2 + 19 + 3


@pytest.mark.parametrize("sender", ["192.0.2.1", "2001:db8::{number:x}", "unix"])
async def test_one_sender_who_invents_urls_keeps_no_other_from_a_fetch(
    amazon: "Amazon", store: CertificateStore, network: "Network", ticks: "Ticks", sender: str
) -> None:
    """When Amazon's certificate changed, everybody's pushes could be kept from being proven by anybody."""
    for number in range(200):
        with pytest.raises((NotAuthentic, Unavailable)):
            await store.get(numbered_url(number), "us-west-2", amazon.now, sender.format(number=number))
    assert len(network.asked) == 4
    with pytest.raises(Unavailable):
        await store.get(amazon.certificate_url, "us-west-2", amazon.now, sender.format(number=1))
    assert await store.get(amazon.certificate_url, "us-west-2", amazon.now, "203.0.113.7")
    ticks.now += 21
    with pytest.raises(NotAuthentic):
        await store.get(numbered_url(500), "us-west-2", amazon.now, sender.format(number=2))


async def test_what_turns_out_to_be_sns_certificates_counts_against_nobody(
    amazon: "Amazon", store: CertificateStore, network: "Network"
) -> None:
    """All may come by one proxy, and from many regions."""
    for number in range(10):
        network.answers[numbered_url(number)] = amazon.leaf.pem
        assert await store.get(numbered_url(number), "us-west-2", amazon.now, "unix")


async def test_want_of_fetches_is_not_held_against_the_next_who_asks(
    amazon: "Amazon", get: Any, network: "Network", ticks: "Ticks"
) -> None:
    for number in range(30):
        with pytest.raises((NotAuthentic, Unavailable)):
            await get(numbered_url(number))
    with pytest.raises(Unavailable):
        await get()
    ticks.now += 2.1
    assert await get(), "as soon as there is a fetch again"


async def test_only_so_many_fetches_run_at_once(amazon: "Amazon", get: Any, network: "Network") -> None:
    gate = asyncio.Event()

    async def slow() -> bytes:
        await gate.wait()
        return HTML

    network.answers |= {numbered_url(number): slow for number in range(20)}
    waiting = [asyncio.ensure_future(get(numbered_url(number))) for number in range(20)]
    await network.reached(8)
    gate.set()
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [getattr(error, "reason", None) for error in errors] == ["certificate"] * 8 + ["certificate_fetches"] * 12
    assert len(network.asked) == 8


async def test_keys_are_bounded_and_the_ones_in_use_stay(
    amazon: "Amazon", store: CertificateStore, get: Any, network: "Network", ticks: "Ticks"
) -> None:
    for number in range(70):
        url = numbered_url(number)
        network.answers[url] = amazon.leaf.pem
        ticks.now += 10
        await get(url)
        assert store.held(numbered_url(0), amazon.now), "the one in use stays"
    held = [number for number in range(70) if store.held(numbered_url(number), amazon.now)]
    assert len(held) == 64
    assert held == [0, *range(7, 70)]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "certificates"


@pytest.fixture
def restarted(network: "Network", roots: Roots, directory: Path, ticks: "Ticks") -> Callable[[], CertificateStore]:
    return lambda: CertificateStore(network, directory=directory, roots=roots, ticks=ticks)


async def test_a_restart_needs_no_network(
    amazon: "Amazon", restarted: Callable[[], CertificateStore], network: "Network", directory: Path
) -> None:
    await restarted().get(amazon.certificate_url, "us-west-2", amazon.now)
    assert {file.suffix for file in files(directory)} == {".crt"}
    assert mode(directory) == 0o700
    network.answers.clear()
    asked = len(network.asked)
    assert await restarted().get(amazon.certificate_url, "us-west-2", amazon.now)
    assert len(network.asked) == asked


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, HTML, b"-----BEGIN CERTIFICATE-----\n"])
async def test_a_damaged_file_is_fetched_anew(
    amazon: "Amazon",
    restarted: Callable[[], CertificateStore],
    network: "Network",
    directory: Path,
    content: bytes,
) -> None:
    await restarted().get(amazon.certificate_url, "us-west-2", amazon.now)
    for file in files(directory):
        file.write_bytes(content)
    asked = len(network.asked)
    assert await restarted().get(amazon.certificate_url, "us-west-2", amazon.now)
    assert len(network.asked) == asked + 2
    assert sorted(file.read_bytes() for file in files(directory)) == sorted([amazon.leaf.pem, amazon.intermediate.pem])


async def test_what_lies_on_disk_is_proven_again(
    amazon: "Amazon", restarted: Callable[[], CertificateStore], network: "Network", directory: Path
) -> None:
    await restarted().get(amazon.certificate_url, "us-west-2", amazon.now)
    (leaf,) = files(directory, "sns.us-west-2*")
    leaf.write_bytes(amazon.another_leaf(issuer=amazon.authority("Evil", amazon.root, path_length=0)).pem)
    assert await restarted().get(amazon.certificate_url, "us-west-2", amazon.now)
    assert leaf.read_bytes() == amazon.leaf.pem


async def test_an_ended_certificate_on_disk_is_fetched_anew(
    amazon: "Amazon", restarted: Callable[[], CertificateStore], network: "Network", directory: Path
) -> None:
    await restarted().get(amazon.certificate_url, "us-west-2", amazon.now)
    later = amazon.now + 250 * 86400
    (leaf,) = files(directory, "sns.us-west-2*")
    leaf.write_bytes(amazon.another_leaf(ends=at(amazon.now) + DAY).pem)
    assert await restarted().get(amazon.certificate_url, "us-west-2", later)
    assert leaf.read_bytes() == amazon.leaf.pem


async def test_a_directory_that_cannot_be_used_costs_only_speed(
    amazon: "Amazon", network: "Network", roots: Roots, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a directory")
    store = CertificateStore(network, directory=tmp_path / "file" / "cache", roots=roots)
    assert await store.get(amazon.certificate_url, "us-west-2", amazon.now)
    assert {record.getMessage() for record in caplog.records} >= {
        "certificate_cache_unreadable",
        "certificate_cache_unwritable",
    }


async def test_the_directory_is_bounded(
    amazon: "Amazon", restarted: Callable[[], CertificateStore], network: "Network", directory: Path, ticks: "Ticks"
) -> None:
    store = restarted()
    for number in range(70):
        network.answers[numbered_url(number)] = amazon.leaf.pem
        ticks.now += 10
        await store.get(numbered_url(number), "us-west-2", amazon.now)
    assert len(files(directory)) == 64


async def test_a_key_is_refreshed_before_it_ends_while_the_old_one_serves(
    amazon: "Amazon", store: CertificateStore, get: Any, network: "Network", ticks: "Ticks"
) -> None:
    network.answers[amazon.certificate_url] = amazon.another_leaf(ends=at(amazon.now) + 2 * DAY).pem
    await get()
    asked = len(network.asked)
    assert store.held(amazon.certificate_url, amazon.now)
    late = amazon.now + 86400 + 60
    assert store.held(amazon.certificate_url, late) is None, "attention is due"
    network.answers[amazon.certificate_url] = FetchFailed("no route")
    assert await get(now=late), "served by the old one, the refresh fails in the background"
    await network.reached(asked + 1)
    for _ in range(5):
        assert await get(now=late)
        await asyncio.sleep(0)
    assert len(network.asked) == asked + 1, "a failed refresh is not repeated at once"
    network.answers[amazon.certificate_url] = amazon.leaf.pem
    ticks.now += 61
    while store.held(amazon.certificate_url, late) is None:
        assert await get(now=late)
        await asyncio.sleep(0)
    assert network.asked[asked:].count(amazon.certificate_url) == 2


async def test_a_key_that_is_due_for_refresh_serves_while_no_more_may_be_fetched(
    amazon: "Amazon", get: Any, network: "Network"
) -> None:
    gate = asyncio.Event()

    async def slow() -> bytes:
        await gate.wait()
        return HTML

    assert await get()
    network.answers |= {numbered_url(number): slow for number in range(8)}
    waiting = [asyncio.ensure_future(get(numbered_url(number))) for number in range(8)]
    await network.reached(2 + 8)
    assert await get(now=amazon.leaf.certificate.not_valid_after_utc.timestamp() - 60)
    gate.set()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_refresh_that_brings_the_same_is_not_repeated_at_once(
    amazon: "Amazon", store: CertificateStore, get: Any, network: "Network"
) -> None:
    network.answers[amazon.certificate_url] = amazon.another_leaf(ends=at(amazon.now) + 2 * DAY).pem
    await get()
    late = amazon.now + 86400 + 60
    while store.held(amazon.certificate_url, late) is None:
        await get(now=late)
        await asyncio.sleep(0)
    asked = len(network.asked)
    for _ in range(10):
        await get(now=late + 60)
        await asyncio.sleep(0)
    assert len(network.asked) == asked


async def test_a_key_is_held_no_longer_than_its_chain_holds(
    amazon: "Amazon", store: CertificateStore, get: Any, network: "Network"
) -> None:
    end = at(amazon.now) + 3 * DAY
    network.answers[amazon.issuer_url] = amazon.authority("Test RSA 2048 M01", amazon.root, ends=end).der
    await get()
    assert store.held(amazon.certificate_url, amazon.now + 86400)
    assert store.held(amazon.certificate_url, amazon.now + 3 * 86400 + 1) is None


async def test_a_key_held_for_now_is_not_taken_for_another_time(
    amazon: "Amazon", store: CertificateStore, get: Any
) -> None:
    await get()
    assert store.held(amazon.certificate_url, amazon.now + 400 * 86400) is None
    with pytest.raises(NotAuthentic, match="ended at"):
        await get(now=amazon.now + 400 * 86400)


async def test_all_of_a_load_is_bounded_in_time(
    amazon: "Amazon", get: Any, network: "Network", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.sns.certificates._LOAD_SECONDS", 0.01)

    async def never() -> bytes:
        await asyncio.Event().wait()
        return b""

    network.answers[amazon.certificate_url] = never
    with pytest.raises(Unavailable, match="took longer than") as raised:
        await get()
    assert raised.value.reason == "certificate_unavailable"


async def test_without_the_chain_any_issuer_will_do(amazon: "Amazon", network: "Network", stranger: Any) -> None:
    from_nowhere = amazon.another_leaf(issuer=type(amazon.leaf)(amazon.root.certificate, stranger))
    network.answers[amazon.certificate_url] = from_nowhere.certificate.public_bytes(Encoding.PEM)
    store = CertificateStore(network, verify_chain=False)
    assert not store.verifies_chain
    assert await store.get(amazon.certificate_url, "us-west-2", amazon.now)


async def test_a_stand_ins_certificate_must_still_have_a_sound_key(
    amazon: "Amazon", store: CertificateStore, network: "Network", short_key: Any
) -> None:
    url = "http://127.0.0.1:4566/cert.pem"
    network.answers[url] = amazon.another_leaf(short_key).pem
    with pytest.raises(NotAuthentic, match="1024 bits"):
        await store.get_unproven(url, "http://127.0.0.1:4566/", amazon.now)


async def test_a_stand_in_keeps_the_certificate_it_began_with(
    amazon: "Amazon", store: CertificateStore, network: "Network"
) -> None:
    stand_in = "http://127.0.0.1:4566/"
    first, second, broken = (f"{stand_in}{name}.pem" for name in "abc")
    network.answers |= {first: amazon.leaf.pem, second: amazon.intermediate.pem, broken: HTML}
    with pytest.raises(NotAuthentic, match="not a PEM certificate"):
        await store.get_unproven(broken, stand_in, amazon.now)
    assert await store.get_unproven(first, stand_in, amazon.now)
    with pytest.raises(NotAuthentic, match=f"at {first} until a restart") as raised:
        await store.get_unproven(second, stand_in, amazon.now)
    assert raised.value.reason == "certificate_url"
    assert network.asked == [broken, first]
    assert await store.get_unproven(second, "http://127.0.0.2:4566/", amazon.now)


async def test_two_who_come_first_at_once_get_one_certificate(
    amazon: "Amazon", store: CertificateStore, network: "Network"
) -> None:
    stand_in = "http://127.0.0.1:4566/"
    urls = [f"{stand_in}{name}.pem" for name in "ab"]
    network.answers |= dict(zip(urls, (amazon.leaf.pem, amazon.intermediate.pem), strict=True))
    calls = [store.get_unproven(url, stand_in, amazon.now) for url in urls]
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(isinstance(one, NotAuthentic) for one in found) == [False, True]
