"""The judges of a soak: what is flat, and what was lost."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from receiver.inbox import SqliteInbox
from receiver.inbox.identity import webhook_id, webhook_key
from tests.faults.record import Arrived, Recorder, Told
from tests.soak.flatness import Allowance, slope, trend
from tests.soak.ledger import judge
from tests.soak.samples import Ear, Sample, Sampler
from tests.soak.soak import trends
from tests.soak.troubles import Trouble, is_quiet, spells

LITTLE = Allowance(0.05, 1.0)


def test_a_line_has_its_slope() -> None:
    assert slope([0, 1, 2, 3], [5, 7, 9, 11]) == 2
    assert slope([1], [5]) == 0


def test_peaks_and_dips_do_not_bend_it() -> None:
    random = Random(3)
    values = [100 + random.uniform(-1, 1) for _ in range(200)]
    for place in range(0, 200, 9):
        values[place] = random.choice([5.0, 500.0])
    found = trend("memory", "MiB", range(200), values, LITTLE)
    assert found.flat
    assert found.median == pytest.approx(100, abs=2)


def test_a_leak_is_found_in_noise() -> None:
    random = Random(4)
    leak = [100 + place * 0.1 + random.uniform(-5, 5) for place in range(200)]
    found = trend("memory", "MiB", range(200), leak, LITTLE)
    assert not found.flat
    assert found.growth == pytest.approx(20, abs=4)
    assert "GROWS" in str(found)


def test_shrinking_is_no_fault() -> None:
    assert trend("memory", "MiB", range(10), [100 - place for place in range(10)], LITTLE).flat


def test_too_few_samples_are_no_proof() -> None:
    with pytest.raises(ValueError, match="memory: 1 samples"):
        trend("memory", "MiB", [1], [1], LITTLE)


def sample(at: float, **other: object) -> Sample:
    usual = Sample(
        at=at, life=5, quiet=True, memory=90, descriptors=40, threads=8, database=30, p50=4, p99=9
    )  # one look at a daemon that stays as it is
    return replace(usual, **other)  # type: ignore[arg-type]


def test_only_the_last_life_once_warm_is_judged() -> None:
    young = [sample(at, life=4, memory=at) for at in range(30)]
    warming = [sample(at, memory=at) for at in range(30, 37)]
    assert all(each.flat for each in trends([*young, *warming, *map(sample, range(37, 101))], 100))


@pytest.mark.parametrize("name", ["memory", "descriptors", "threads", "database", "p50", "p99"])
def test_each_quantity_is_judged(name: str) -> None:
    found = trends([sample(at, **{name: at - 36}) for at in range(37, 101)], 100)
    assert [each.name for each in found if not each.flat] == [name]


def test_latencies_of_faults_are_not_judged() -> None:
    samples = [sample(at, quiet=at < 70, p99=9 if at < 70 else 900 + at) for at in range(37, 101)]
    assert all(each.flat for each in trends(samples, 100))


def test_kills_come_early_and_quiet_is_when_nothing_is_on() -> None:
    plan = spells(1000)
    kills = [each.start for each in plan if each.trouble is Trouble.KILL]
    assert len(kills) == 5
    assert max(kills) < 370
    first = next(each for each in plan if each.trouble is Trouble.SINK and each.start > 370)
    assert is_quiet(plan, first.start - 10, first.start - 5, 1000)
    assert not is_quiet(plan, first.start - 5, first.start + 5, 1000)
    assert not is_quiet(plan, first.end + 5, first.end + 10, 1000)
    assert is_quiet(plan, first.end + 25, first.end + 30, 1000)


def test_a_sampler_looks_at_a_process_and_its_database(tmp_path: Path) -> None:
    ear = Ear(tmp_path / "told.jsonl")
    for place in range(20):
        ear.add(Told(f"m{place}", f"n{place}", 200, 0.004, 1.0))
    (tmp_path / "inbox.db").write_bytes(bytes(2 << 20))
    sampler = Sampler(tmp_path / "inbox.db", ear, tmp_path / "samples.jsonl")
    sampler.take(1, 0, True)
    sampler.take(1 << 30, 0, True)
    ear.close()
    sampler.close()
    (only,) = sampler.samples
    assert (only.database, only.p50) == (2, 4)
    assert min(only.memory, only.descriptors, only.threads) > 0
    assert len((tmp_path / "samples.jsonl").read_text().splitlines()) == 1


@pytest.fixture
async def run(tmp_path: Path) -> Path:
    """Three messages that were acknowledged and arrived, of an inbox that has forgotten them."""
    inbox = await SqliteInbox.open(tmp_path / "inbox.db")
    await inbox.close()
    told, arrived = Recorder(tmp_path / "told.jsonl"), Recorder(tmp_path / "arrived.jsonl")
    for name in "abc":
        told.add(Told(f"m-{name}", name, 200, 0.01, 1.0))
        arrived.add(Arrived(webhook_id(webhook_key(f"n:{name}", "all", "erp")), 1.1))
    told.close()
    arrived.close()
    return tmp_path


def judged(folder: Path) -> tuple[int, int]:
    report = judge(folder / "inbox.db", folder / "told.jsonl", folder / "arrived.jsonl", rule="all", handler="erp")
    return report.lost, len(report.problems)


def add(path: Path, record: Told | Arrived) -> None:
    recorder = Recorder(path)
    recorder.add(record)
    recorder.close()


async def test_what_was_pruned_must_have_arrived(run: Path) -> None:
    assert judged(run) == (0, 0)
    add(run / "told.jsonl", Told("m-d", "d", 200, 0.01, 2.0))
    assert judged(run) == (1, 1)


async def test_what_was_not_acknowledged_may_be_missing(run: Path) -> None:
    add(run / "told.jsonl", Told("m-d", "d", 503, 0.01, 2.0))
    assert judged(run) == (0, 0)


async def test_what_was_never_sent_must_not_arrive(run: Path) -> None:
    add(run / "arrived.jsonl", Arrived("msg_00", 2.0))
    assert judged(run) == (0, 1)


async def test_a_genuine_message_must_not_be_refused_for_good(run: Path) -> None:
    add(run / "told.jsonl", Told("m-d", "d", 403, 0.01, 2.0))
    assert judged(run) == (0, 1)


async def test_what_is_still_kept_goes_to_the_checker(run: Path) -> None:
    with closing(sqlite3.connect(run / "inbox.db")) as database, database:
        database.execute(
            "INSERT INTO deliveries (notification_id, webhook, rule, handler, state, created_at, event_time, due_at) "
            "VALUES (7, ?, 'all', 'erp', 3, 1, 1, 1)",
            (webhook_key("n:a", "all", "erp"),),
        )
    lost, problems = judged(run)
    assert lost == 1, "a delivery without its notification: the message itself is gone"
    assert problems >= 2


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib draws the picture, and nothing else needs it")
    from tests.soak.plot import draw

    draw([sample(at, p50=None if at < 5 else 4) for at in range(100)], spells(100), 100, tmp_path / "soak.png")
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")
