"""Running deliveries again, and ending them: those named, or all that a filter means."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from aiohttp import web
from pydantic import ConfigDict, Field, model_validator

from receiver.access import Access
from receiver.api.model import Answer, Asked
from receiver.api.operation import Call
from receiver.api.values import Id, Text, Time, seconds_of
from receiver.events import log
from receiver.inbox import DeliveryFilter, State
from receiver.notification import asked_type
from receiver.world import World

_logger = logging.getLogger(__name__)
_MOST_NAMED = 1000
_AT_ONCE = 2_000
_FINAL = (State.DONE, State.DEAD, State.SUPERSEDED)
_OPEN = (State.WAITING, State.BLOCKED, State.RUNNING)
_ONE_OF = ConfigDict(json_schema_extra={"oneOf": [{"required": ["ids"]}, {"required": ["filter"]}]})

Work = Callable[[DeliveryFilter], Awaitable[int]]


def _no_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class Choice(Asked):
    """Which deliveries; all that is given must hold."""

    rule: Text | None = None
    handler: Text | None = None
    type: Text | None = None
    """Of one notification type, like ORDER_CHANGE."""
    key: Text | None = None
    """Of one ordering key."""
    notification: Id | None = None
    """Of one notification, by its number in the inbox."""
    since: Time | None = None
    """Made at or after."""
    until: Time | None = None
    """Made before."""


class ReplayChoice(Choice):
    """Which finished deliveries; all that is given must hold."""

    states: Annotated[tuple[Literal["done", "dead", "superseded"], ...], Field(min_length=1)] = ("dead",)


class CancelChoice(Choice):
    """Which deliveries that are not finished; all that is given must hold."""

    states: Annotated[tuple[Literal["waiting", "blocked", "running"], ...], Field(min_length=1)] = (
        "waiting",
        "blocked",
        "running",
    )


class Repair(Asked):
    """Deliveries named by `ids`, or all that `filter` means: one of both."""

    model_config = _ONE_OF

    ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=_MOST_NAMED, json_schema_extra=_no_default)] = ()
    dry_run: bool = False
    """Say what would be done, and do nothing."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len({"ids", "filter"} & self.model_fields_set) != 1:
            raise ValueError("give either ids or filter; a filter of {} means all")
        return self


class Replay(Repair):
    """Finished deliveries to run again, with fresh attempts."""

    filter: Annotated[ReplayChoice, Field(json_schema_extra=_no_default)] = ReplayChoice()
    rate: Annotated[float, Field(ge=0.001, le=10_000, allow_inf_nan=False)] | None = None
    """How many a second fall due; all at once without it."""


class Cancel(Repair):
    """Deliveries to end as dead."""

    filter: Annotated[CancelChoice, Field(json_schema_extra=_no_default)] = CancelChoice()
    reason: Text | None = None
    """What is kept with them; who cancelled them where it is not given."""


class Repaired(Answer):
    """What was done, or would be."""

    dry_run: bool
    matched: int
    """How many deliveries were meant."""
    states: dict[State, int]
    """In which states they were."""
    skipped: list[int]
    """Those of `ids` that are not there, or not in a state in which this can be done."""
    done: int | None
    """How many it was done to; null in a dry run, and while it is going on."""
    going_on: bool
    """It is done in the background: more than 2,000 are meant."""


class Repairs:
    """`/deliveries/replay` and `/deliveries/cancel`."""

    def __init__(self, world: World, access: Access) -> None:
        self._world = world
        self._access = access

    async def replay(self, call: Call) -> Repaired:
        """Run finished deliveries again. Raises Unavailable."""
        body: Replay = call.body
        spacing = 1 / body.rate if body.rate else 0.0

        async def work(which: DeliveryFilter) -> int:
            return await self._world.inbox.replay(which, self._world.clock(), spacing)

        return await self._repair(call.request, "replay", body, self._which(body, body.filter, _FINAL), work)

    async def cancel(self, call: Call) -> Repaired:
        """End deliveries that are not finished. Raises Unavailable."""
        body: Cancel = call.body
        reason = body.reason or f"cancelled by {self._access.who(call.request)}"

        async def work(which: DeliveryFilter) -> int:
            return await self._world.inbox.cancel(which, self._world.clock(), reason)

        return await self._repair(call.request, "cancel", body, self._which(body, body.filter, _OPEN), work)

    def _which(self, body: Repair, choice: ReplayChoice | CancelChoice, possible: tuple[State, ...]) -> DeliveryFilter:
        if body.ids:
            return DeliveryFilter(ids=tuple(sorted(set(body.ids))), states=possible, limit=None)
        now = self._world.clock()
        return DeliveryFilter(
            notification_id=choice.notification,
            states=tuple(State(state) for state in dict.fromkeys(choice.states)),
            rule=choice.rule,
            handler=choice.handler,
            type=None if choice.type is None else asked_type(choice.type),
            key=choice.key,
            since=seconds_of(choice.since, now),
            until=seconds_of(choice.until, now),
            limit=None,
        )

    async def _repair(
        self, request: web.Request, action: str, body: Repair, which: DeliveryFilter, work: Work
    ) -> Repaired:
        states = await self._world.kept.count(which)
        matched = sum(states.values())
        named = await self._named(which) if matched <= _MOST_NAMED else ()
        done, going_on = None if body.dry_run else 0, False
        if matched and not body.dry_run:
            await self._access.note(request, action, f"{matched} deliveries{_said(which)}", named)
            done, going_on = await self._done(action, replace(which, ids=named or which.ids), matched, work)
        skipped = sorted(set(which.ids or ()) - set(named))
        return Repaired(
            dry_run=body.dry_run, matched=matched, states=states, skipped=skipped, done=done, going_on=going_on
        )

    async def _named(self, which: DeliveryFilter) -> tuple[int, ...]:
        """The deliveries that are meant, so few that the audit log names each."""
        return tuple(row.id for row in reversed(await self._world.kept.deliveries(which)))

    async def _done(self, action: str, which: DeliveryFilter, matched: int, work: Work) -> tuple[int | None, bool]:
        """Do it; how many, or that it goes on."""
        if matched <= _AT_ONCE:
            return await self._run(which, work), False
        self._world.watch.once(action, self._in_background(action, which, work))
        return None, True

    async def _in_background(self, action: str, which: DeliveryFilter, work: Work) -> None:
        done = await self._run(which, work)
        log(_logger, logging.INFO, "repair_ended", action=action, deliveries=done)

    async def _run(self, which: DeliveryFilter, work: Work) -> int:
        done = await work(which)
        self._world.wake(self._world.config().handlers)
        return done


def _said(which: DeliveryFilter) -> str:
    """A filter in the words of the audit log; nothing where the deliveries are named."""
    if which.ids:
        return ""
    names = ("states", "rule", "handler", "type", "key", "notification_id", "since", "until")
    given = ((name, getattr(which, name)) for name in names)
    return "".join(f", {name} {_words(value)}" for name, value in given if value is not None)


def _words(value: Any) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)
