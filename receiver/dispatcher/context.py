"""What the lanes of a dispatcher share."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from receiver.dispatcher.recorder import Recorder
from receiver.dispatcher.retry import Draw
from receiver.inbox.store import Inbox


@dataclass(frozen=True, slots=True)
class LaneContext:
    """What the lanes of a dispatcher share."""

    inbox: Inbox
    recorder: Recorder
    clock: Callable[[], float]
    draw: Draw
    lease: float
    recheck: float
    """Seconds after which a lane asks a store again that could not answer."""
    log: logging.Logger
