"""The invariants: what the sender was told against what inbox and sink hold.

    python -m tests.faults.check --database inbox.db --told told.jsonl --arrived arrived.jsonl

Prints figures and violations; exit status 0 where there are none, 1 where there are some, 2 for input that cannot be
read. The daemon should have ended, or be idle: what is still under way counts as not delivered.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.kept import FINAL, Delivery, Kept, KeptError, read_kept
from tests.faults.record import Arrived, RecordError, Story, read_arrived, read_told

CONCURRENCY = 8
IN_FLIGHT = CONCURRENCY + 256
"""Most deliveries that a kill catches after the sink took them: those that run, and results that wait for the disk."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Report:
    """Figures, and what is wrong: one text for each kind, with examples."""

    sent: int
    """Different messages."""
    pushes: int
    """Requests, repeats included."""
    acknowledged: int
    """Messages that got a 200 at least once."""
    kept: int
    kills: int
    lost: int
    """Messages that got a 200 and are not in the inbox."""
    delivered: int
    twice: int
    """Deliveries that arrived more than once."""
    problems: tuple[str, ...]

    def __str__(self) -> str:
        figures = (
            f"sent: {self.sent} messages in {self.pushes} pushes",
            f"acknowledged: {self.acknowledged}",
            f"kept: {self.kept}",
            f"kills survived: {self.kills}",
            f"lost: {self.lost}",
            f"delivered: {self.delivered}",
            f"twice: {self.twice}",
        )
        return "\n".join([", ".join(figures), *(f"VIOLATION {problem}" for problem in self.problems)])


def check(
    kept: Kept,
    story: Story,
    arrived: Sequence[Arrived],
    *,
    deliveries: int = 1,
    in_flight: int = IN_FLIGHT,
    ended: bool = True,
) -> Report:
    """Judge a run in which each notification has `deliveries`, and a kill catches `in_flight` of them at most.

    With `ended` false, deliveries are still under way: only what holds at every instant is judged.
    """
    times = Counter(each.webhook_id for each in arrived)
    lost = tuple(_lost(kept, story))
    problems = (
        _problem("acknowledged, but not in the inbox", lost),
        _problem("told never to come again, though genuine", _given_up(story)),
        *_of_inbox(kept, deliveries),
        *(_of_deliveries(kept, times, story.kills * in_flight) if ended else ()),
    )
    return Report(
        sent=len({each.message_id for each in story.told}),
        pushes=len(story.told),
        acknowledged=len({each.message_id for each in story.told if each.acknowledged}),
        kept=len(kept.notifications),
        kills=story.kills,
        lost=len(lost),
        delivered=len(times),
        twice=sum(1 for count in times.values() if count > 1),
        problems=tuple(filter(None, problems)),
    )


def _lost(kept: Kept, story: Story) -> Iterator[str]:
    notifications = {each.notification_id for each in kept.notifications}
    messages = {each.message_id for each in kept.notifications}
    acknowledged = {each.message_id: each.notification_id for each in story.told if each.acknowledged}
    for message_id, notification_id in acknowledged.items():
        if message_id not in messages and (not notification_id or notification_id not in notifications):
            yield message_id


def _given_up(story: Story) -> list[str]:
    """Messages refused with a status after which SNS tries no more."""
    statuses = ((each.message_id, each.status or 0) for each in story.told)
    return [f"{id_} ({status})" for id_, status in statuses if 300 <= status < 500 and status != 429]


def _of_inbox(kept: Kept, deliveries: int) -> Iterator[str]:
    """What holds for an inbox whatever was sent."""
    if kept.integrity != "ok":
        yield f"the database is damaged: {kept.integrity}"
    has = Counter(each.notification_id for each in kept.deliveries)
    names = Counter(each.dedup_key for each in kept.notifications)
    known = {each.id for each in kept.notifications}
    yield _problem("kept more than once", [name for name, count in names.items() if count > 1])
    yield _problem("kept without its body", [each.dedup_key for each in kept.notifications if not each.has_body])
    without = [f"{each.dedup_key} has {has[each.id]}" for each in kept.notifications if has[each.id] != deliveries]
    yield _problem(f"kept with other than {deliveries} deliveries", without)
    orphans = [str(each.id) for each in kept.deliveries if each.notification_id not in known]
    yield _problem("a delivery without its notification", orphans)
    wrong = [
        f"{handler or 'notifications'}/{state}: {kept.tally.get((handler, state), 0)}, not {count}"
        for handler, state in sorted(kept.tally.keys() | kept.counted.keys())
        if kept.tally.get((handler, state), 0) != (count := kept.counted.get((handler, state), 0))
    ]
    yield _problem("a count that the inbox keeps is wrong", wrong)


def _of_deliveries(kept: Kept, times: Counter[str], most_twice: int) -> Iterator[str]:
    """What holds for deliveries once all have ended."""
    all_ = kept.deliveries
    known = {each.webhook_id for each in all_}
    yield _problem("not ended", [f"{each.id} is {each.state}" for each in all_ if each.state not in FINAL])
    yield _problem("dead", [str(each.id) for each in all_ if each.state == "dead"])
    missing = [str(each.id) for each in all_ if each.state != "superseded" and not times[each.webhook_id]]
    yield _problem("never reached the sink", missing)
    yield _problem("arrived, but the inbox knows no such delivery", [id_ for id_ in times if id_ not in known])
    again = [f"{each.id} arrived {times[each.webhook_id]} times" for each in all_ if _too_often(each, times)]
    yield _problem("arrived again although no run of it was lost or failed", again)
    twice = [str(each.id) for each in all_ if times[each.webhook_id] > 1 and each.outcomes.get("lost")]
    if len(twice) > most_twice:
        yield _problem(f"more than {most_twice} arrived again after kills", twice)


def _too_often(delivery: Delivery, times: Counter[str]) -> bool:
    """Whether it arrived more often than its runs without a recorded success explain."""
    unsure = sum(count for outcome, count in delivery.outcomes.items() if outcome in {"lost", "retry"})
    return times[delivery.webhook_id] > 1 + unsure


def _problem(what: str, examples: Sequence[str]) -> str:
    """A text for people, empty where there is no example."""
    if not examples:
        return ""
    more = f" and {len(examples) - _SHOWN} more" if len(examples) > _SHOWN else ""
    return f"{what}: {', '.join(examples[:_SHOWN])}{more}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.check", description=__doc__.partition("\n")[0])
    parser.add_argument("--database", type=Path, required=True, metavar="FILE", help="the inbox")
    parser.add_argument("--told", type=Path, required=True, metavar="FILE", help="what the sender was told, JSON lines")
    parser.add_argument("--arrived", type=Path, required=True, metavar="FILE", help="what the sink took, JSON lines")
    parser.add_argument("--deliveries", type=int, default=1, metavar="N", help="deliveries of each notification")
    parser.add_argument("--in-flight", type=int, default=IN_FLIGHT, metavar="N", help="most that a kill catches")
    given = parser.parse_args(arguments)
    try:
        kept, story, arrived = read_kept(given.database), read_told(given.told), read_arrived(given.arrived)
    except (KeptError, RecordError) as error:
        print(error, file=sys.stderr)
        return 2
    report = check(kept, story, arrived, deliveries=given.deliveries, in_flight=given.in_flight)
    print(report)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
