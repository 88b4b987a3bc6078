"""Watches the readings, and raises `router.alert.*` notifications. Where each alert stands outlives a restart."""

import asyncio
import logging
import math
from dataclasses import dataclass
from typing import Any

import orjson

from receiver.alerts.conditions import Condition, Conditions, Found
from receiver.alerts.failures import FailureWindow, counted
from receiver.alerts.state import AlertState, Change, Hysteresis
from receiver.errors import Unavailable
from receiver.events import log
from receiver.inbox import Inbox
from receiver.internal import InternalEvents
from receiver.metrics import Metrics, Readings, Sources
from receiver.times import iso

PREFIX = "router.alert."
NOTE = "alerts"
"""The name of the note that keeps where the alerts stand."""

_logger = logging.getLogger(__name__)
_EVERY = 15.0
_MOST_AT_ONCE = 20
"""Of one alert at one look: more of them are one disturbance, and the last that is told says how many."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Told:
    condition: Condition
    state: AlertState
    change: Change


class AlertWatcher:
    """Looks every 15 s. `conditions` is exchanged by a reload."""

    def __init__(
        self,
        conditions: Conditions,
        sources: Sources,
        metrics: Metrics,
        internal: InternalEvents,
        inbox: Inbox,
        every: float = _EVERY,
    ) -> None:
        self.conditions = conditions
        self._sources = sources
        self._metrics = metrics
        self._internal = internal
        self._inbox = inbox
        self._every = every
        self._failures = FailureWindow()
        self._states: dict[Key, AlertState] = {}
        self._latest: list[Condition] = []
        self._loaded = False
        self._unsaved = False

    def standing(self) -> dict[str, int]:
        """How many of each alert are raised now."""
        raised = [alert for (alert, _), state in self._states.items() if state.raised]
        return {alert: raised.count(alert) for alert in self.conditions.names}

    def raised(self) -> list[Condition]:
        """What is raised now, as it was found at the last look."""
        return [each for each in self._latest if self._states.get((each.alert, each.subject), AlertState()).raised]

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log(_logger, logging.WARNING, "alerts_not_kept", reason=error.reason, detail=error.detail)
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Judge the readings of now, tell what changed, and keep that. Raises Unavailable.

        What is told is kept before the states are: a daemon that dies between the two tells it once more.
        """
        await self._load()
        readings = await self._sources.take()
        found = self._found(readings)
        self._latest = [condition for conditions in found.values() for condition in conditions or ()]
        told = self._judge(found, readings.at)
        self._unsaved = self._unsaved or bool(told)
        self._tell(told)
        if self._unsaved:
            await self._internal.drain()
            await self._inbox.save_note(NOTE, self._encoded())
            self._unsaved = False

    def _found(self, readings: Readings) -> Found:
        window = self.conditions.settings.failure_window
        self._failures.add(readings.at, counted(self._metrics.attempt_counts()), window)
        return self.conditions.find(readings, self._failures.recent())

    def _judge(self, found: Found, now: float) -> list[_Told]:
        told: list[_Told] = []
        for alert, conditions in found.items():
            if conditions is None:
                continue
            here = {condition.subject: condition for condition in conditions}
            gone = [_gone(*key) for key in self._states if key[0] == alert and key[1] not in here]
            told += [each for condition in [*here.values(), *gone] if (each := self._step(condition, now))]
        self._forget(now)
        return told

    def _step(self, condition: Condition, now: float) -> _Told | None:
        settings, key = self.conditions.settings, (condition.alert, condition.subject)
        by = Hysteresis(condition.threshold, settings.calm, settings.again)
        state, change = self._states.get(key, AlertState()).step(condition.value, now, by)
        if state != AlertState():
            self._states[key] = state
        return _Told(condition, state, change) if change else None

    def _forget(self, now: float) -> None:
        """Drop what is cleared and may be raised again at once: it is as if it had never been."""
        calm = self.conditions.settings.calm
        for key in [key for key, state in self._states.items() if not state.raised and now - state.told >= calm]:
            del self._states[key]

    def _tell(self, changes: list[_Told]) -> None:
        by_alert: dict[str, list[_Told]] = {}
        for each in changes:
            by_alert.setdefault(each.condition.alert, []).append(each)
        for alert, told in by_alert.items():
            more = max(0, len(told) - _MOST_AT_ONCE)
            for place, each in enumerate(told[:_MOST_AT_ONCE], 1):
                payload = _payload(each) | ({"more": more} if more and place == _MOST_AT_ONCE else {})
                level = logging.INFO if each.change is Change.CLEARED else logging.WARNING
                log(_logger, level, f"alert_{each.change}", **payload)
                self._internal.emit(PREFIX + alert, payload)

    async def _load(self) -> None:
        if self._loaded:
            return
        note = (await self._inbox.notes(NOTE)).get(NOTE, b"")
        try:
            self._states = _decoded(note) if note else {}
        except ValueError as error:
            log(_logger, logging.WARNING, "alerts_note_ignored", reason=str(error))
        self._loaded = True

    def _encoded(self) -> bytes:
        return orjson.dumps([[*key, state.encode()] for key, state in self._states.items()])


def _decoded(note: bytes) -> dict[Key, AlertState]:
    """The states in a note. Raises ValueError."""
    try:
        return {(str(alert), str(subject)): AlertState.decode(fields) for alert, subject, fields in orjson.loads(note)}
    except TypeError as error:
        raise ValueError(f"not the states of alerts: {error}") from None


def _gone(alert: str, subject: str) -> Condition:
    """What is not there any more is as good as can be."""
    return Condition(alert, subject, -math.inf, 0.0, f"{subject or alert} is not looked at any more", "")


def _payload(told: _Told) -> dict[str, Any]:
    condition, state = told.condition, told.state
    finite = condition.value is not None and math.isfinite(condition.value)
    return {
        "alert": condition.alert,
        "state": told.change.value,
        "subject": condition.subject,
        "value": round(condition.value or 0.0, 4) if finite else None,
        "threshold": condition.threshold,
        "since": iso(state.since),
        "text": condition.text,
        "cure": condition.cure,
    }
