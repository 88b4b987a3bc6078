"""All connections of a listener: beyond so many the one that has asked for nothing for longest makes room.

Anybody may open connections and be silent on them. With no descriptor left, whoever comes next is hung up on, SNS too,
and no delivery can connect either. So half of the descriptors are kept for everything else. Not the address decides:
behind a proxy all senders have one, and SNS itself has few. Source for the behaviour: nginx, `worker_connections`.
"""

import logging
import resource
from collections import OrderedDict
from typing import Protocol

from receiver.events import log
from receiver.sparing import Sum

_logger = logging.getLogger(__name__)
_MOST = 8192
"""Connections, however many descriptors there are: each takes some memory, too."""
_LOOKS = 64
_SAY_EVERY = 60.0


class Member(Protocol):
    """A connection."""

    def has_work(self) -> bool:
        """Whether a request of it has come whole, and is not answered yet."""
        ...

    def leave(self) -> None:
        """End now."""
        ...


class Crowd:
    """The open connections, `most` of them, by when each asked for something last."""

    def __init__(self, most: int | None = None) -> None:
        """Half of the descriptors that the process may have, where no number is given."""
        self.most = most or most_of(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self._members: OrderedDict[Member, None] = OrderedDict()
        self._ended = Sum(_SAY_EVERY)

    def __len__(self) -> int:
        return len(self._members)

    def enter(self, member: Member) -> None:
        """A connection was made."""
        self._members[member] = None
        if len(self._members) > self.most:
            self._make_room()

    def asked(self, member: Member) -> None:
        """A request came over a connection: it is the last one now that has to go."""
        if member in self._members:
            self._members.move_to_end(member)

    def left(self, member: Member) -> None:
        """A connection has ended."""
        self._members.pop(member, None)

    def _make_room(self) -> None:
        """End the first connection that waits for no answer; the newest one, where none is found soon."""
        for _ in range(_LOOKS):
            member = next(iter(self._members))
            if not member.has_work():
                break
            self._members.move_to_end(member)
        else:
            member = next(reversed(self._members))
        del self._members[member]
        member.leave()
        if ended := self._ended.add():
            log(_logger, logging.WARNING, "connections_full", open=len(self._members), ended=ended)


def most_of(descriptors: int) -> int:
    """How many connections there may be with so many descriptors, of which there are endless ones below zero."""
    return _MOST if descriptors < 0 else max(1, min(_MOST, descriptors // 2))
