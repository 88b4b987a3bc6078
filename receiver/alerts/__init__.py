"""Alerts: what is wrong for longer than a moment is raised as `router.alert.*` notifications, which rules route."""

from receiver.alerts.conditions import Condition, Conditions
from receiver.alerts.watcher import AlertWatcher

__all__ = ["AlertWatcher", "Condition", "Conditions"]
