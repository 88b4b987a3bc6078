"""Judging a soak whose inbox forgets: what is still kept goes to the checker, what was pruned must have arrived."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from receiver.inbox.identity import webhook_id, webhook_key
from tests.faults.check import Report, check
from tests.faults.kept import read_kept
from tests.faults.record import Arrived, Story, Told, read_arrived, read_told


def judge(database: Path, told: Path, arrived: Path, *, rule: str, handler: str) -> Report:
    """The report on all that was sent; `kept` in it are the notifications still in the inbox.

    Raises KeptError and RecordError.
    """
    kept, story, arrivals = read_kept(database), read_told(told), read_arrived(arrived)
    held = {each.webhook_id for each in kept.deliveries}

    def webhook(notification_id: str) -> str:
        return webhook_id(webhook_key(f"n:{notification_id}", rule, handler))

    recent = Story(tuple(each for each in story.told if webhook(each.notification_id) in held), story.kills)
    report = check(kept, recent, [each for each in arrivals if each.webhook_id in held])
    times = {each.webhook_id for each in arrivals}
    safe = times | held
    lost = sorted({id_ for id_, notification in _acknowledged(story.told) if webhook(notification) not in safe})
    strange = times - held - {webhook(each.notification_id) for each in story.told}
    problems = (*report.problems, *_problems(lost, strange, _refused(story.told)))
    return replace(
        report,
        sent=len({each.message_id for each in story.told}),
        pushes=len(story.told),
        acknowledged=len({id_ for id_, _ in _acknowledged(story.told)}),
        lost=report.lost + len(lost),
        delivered=len(times),
        twice=_twice(arrivals),
        problems=problems,
    )


def _acknowledged(told: Sequence[Told]) -> Iterator[tuple[str, str]]:
    return ((each.message_id, each.notification_id) for each in told if each.acknowledged)


def _refused(told: Sequence[Told]) -> list[str]:
    """Genuine messages that were told never to come again."""
    return [f"{each.message_id} ({each.status})" for each in told if 300 <= (each.status or 0) < 500]


def _twice(arrivals: Sequence[Arrived]) -> int:
    ids = [each.webhook_id for each in arrivals]
    return len(ids) - len(set(ids))


def _problems(lost: Sequence[str], strange: set[str], refused: Sequence[str]) -> Iterator[str]:
    if lost:
        yield f"acknowledged, pruned and never arrived: {', '.join(lost[:5])} ({len(lost)} in all)"
    if strange:
        yield f"arrived, and never sent: {len(strange)} deliveries"
    if refused:
        yield f"told never to come again, though genuine: {', '.join(refused[:5])} ({len(refused)} in all)"
