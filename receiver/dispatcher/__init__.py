"""The delivery engine: claims what is due, runs it through its handler, and records every outcome."""

from receiver.dispatcher.breaker import BreakerPolicy
from receiver.dispatcher.dispatcher import Dispatcher
from receiver.dispatcher.observer import Observer
from receiver.dispatcher.retry import RetryPolicy
from receiver.dispatcher.settings import Lanes, LaneSettings, LaneSpec
from receiver.dispatcher.snapshot import LaneSnapshot
from receiver.dispatcher.worker import StartError

__all__ = [
    "BreakerPolicy",
    "Dispatcher",
    "LaneSettings",
    "LaneSnapshot",
    "LaneSpec",
    "Lanes",
    "Observer",
    "RetryPolicy",
    "StartError",
]
