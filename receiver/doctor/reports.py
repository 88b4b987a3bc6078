"""Whether reports that were asked for come to an end."""

from collections.abc import Sequence
from typing import Any

from handlers import registry
from receiver.doctor.check import Result, ok, skipped, warning
from receiver.doctor.patient import Patient
from receiver.inbox.unfinished import unfinished
from receiver.times import iso

_LONG = 1800.0
_MOST_NAMED = 10


async def reports_end(patient: Patient) -> Sequence[Result]:
    """Looks at what each `report` handler keeps of the reports that it waits for."""
    if patient.config.spapi is None:
        return [skipped("the rules file has no [spapi] section")]
    waiting = [pair for name in patient.config.handlers for pair in await _waiting(patient, name)]
    stuck = [(name, asked) for name, asked in waiting if patient.ways.clock() - asked.at > _LONG]
    results = [_stuck(patient, name, asked) for name, asked in stuck[:_MOST_NAMED]]
    if len(stuck) > _MOST_NAMED:
        results.append(warning(f"and {len(stuck) - _MOST_NAMED} more", "see those above"))
    return results or [ok(f"{len(waiting)} are waited for, none longer than {_LONG / 60:.0f} minutes")]


async def _waiting(patient: Patient, name: str) -> list[tuple[str, Any]]:
    """The requests of a handler's open deliveries. Raises PermissionError where they are another user's."""
    requests_in = registry.spapi().requests_in
    state = patient.config.inbox.database.parent / "handlers" / name
    asked = requests_in(state)
    if asked and patient.inbox is not None:
        asked = requests_in(state, await unfinished(patient.inbox.rows, name))
    return [(name, each) for each in asked]


def _stuck(patient: Patient, name: str, asked: Any) -> Result:
    give_up = getattr(patient.config.handlers[name].settings, "give_up", None)
    end = f"; {name!r} gives it up at {iso(asked.at + give_up)}" if isinstance(give_up, float) else ""
    minutes = (patient.ways.clock() - asked.at) / 60
    return warning(
        f"report {asked.report_id} was asked for {minutes:,.0f} minutes ago by {name!r} and is not done{end}",
        f"see what Amazon says: spapi-router call reports.getReport reportId={asked.report_id}; "
        "ask for fewer reports at once, or for shorter spans",
    )
