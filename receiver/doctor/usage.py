"""What the running daemon knows of its calls to SP-API: plans that are nearly used up, and what was refused lately."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.parser import text_string_to_metric_families

from handlers import registry
from receiver.doctor.admin import admin_addresses, asked
from receiver.doctor.check import Result, finding, ok, skipped, warning
from receiver.doctor.patient import Patient
from receiver.doctor.probe import Answer, Unreachable
from receiver.times import iso

_FULL = 0.8
_MOST = 8 << 20
_MOST_NAMED = 5
_PREFIX = "spapi_router_"
_CURE = "call less often (coalesce or once in the rule), or ask Amazon for a higher rate"

_Place = tuple[str, str]
"""An operation and an account."""

Samples = Mapping[str, Sequence[tuple[Mapping[str, str], float]]]
"""Labels and values by the metric's name without its prefix."""


async def plans_suffice(patient: Patient) -> Sequence[Result]:
    """Which operations use more than 80 % of their plan, and when what waits is worked off."""
    samples = await _samples(patient)
    if isinstance(samples, str):
        return [skipped(samples)]
    backlogs = {_place(labels): seconds for labels, seconds in samples["usage_plan_backlog_seconds"]}
    used = {_place(labels): share for labels, share in samples["usage_plan_used_ratio"]}
    full = [place for place, share in used.items() if share > _FULL or place in backlogs]
    waiting = {labels["operation"]: count for labels, count in samples["usage_plan_waiting"]}
    results = [_full(patient, place, used, backlogs) for place in full[:_MOST_NAMED]]
    if len(full) > _MOST_NAMED:
        some = ", ".join(f"{int(count):,} of {name}" for name, count in waiting.items() if count) or "none"
        results.append(warning(f"and {len(full) - _MOST_NAMED} more plans; calls that wait in all: {some}", _CURE))
    return results or [ok(f"none of {len(used)} plans in use is used by more than {_FULL:.0%}")]


async def calls_accepted(patient: Patient) -> Sequence[Result]:
    """What SP-API refused in the last hour, with what it means."""
    samples = await _samples(patient)
    if isinstance(samples, str):
        return [skipped(samples)]
    kinds: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for labels, count in samples["spapi_refusals"]:
        kinds[labels["operation"], labels["status"]][labels["account"]] = count
    results = [_refused(*kind, accounts) for kind, accounts in sorted(kinds.items())]
    return results or [ok("SP-API refused nothing in the last hour")]


def _full(patient: Patient, place: _Place, used: Mapping[_Place, float], backlogs: Mapping[_Place, float]) -> Result:
    operation, account = place
    said = f"{used.get(place, 0.0):.0%} of the plan of {operation} for {account} was used within 5 minutes"
    if place in backlogs:
        ends = iso(patient.ways.clock() + backlogs[place])
        said += f"; what waits is worked off in {backlogs[place]:,.0f} s, at {ends}"
    return warning(said, _CURE)


def _refused(operation: str, status: str, accounts: Mapping[str, float]) -> Result:
    named = ", ".join(sorted(accounts, key=lambda account: -accounts[account])[:_MOST_NAMED])
    more = f" and {len(accounts) - _MOST_NAMED} more" if len(accounts) > _MOST_NAMED else ""
    said = (
        f"{operation} was answered {status} {int(sum(accounts.values())):,} times in the last hour, for {named}{more}"
    )
    cure = registry.spapi().cure_of(int(status))
    return warning(said, cure) if status == "429" or status >= "500" else finding(said, cure)


def _place(labels: Mapping[str, str]) -> _Place:
    return labels["operation"], labels["account"]


async def _samples(patient: Patient) -> Samples | str:
    """The daemon's metrics, or why there are none."""
    if patient.config.spapi is None:
        return "the rules file has no [spapi] section"
    if not patient.runs:
        return "the daemon does not run"
    for address in admin_addresses(patient):
        try:
            answer = await asked(patient, address, "/metrics", most=_MOST)
        except Unreachable as error:
            return f"{address} does not answer: {error}"
        return _parsed(answer)
    return "server.admin is false: the daemon does not tell"


def _parsed(answer: Answer) -> Samples:
    samples: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
    for name, labels, value in _rows(answer.text):
        samples[name].append((labels, value))
    return samples


def _rows(text: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name.removeprefix(_PREFIX), sample.labels, sample.value
