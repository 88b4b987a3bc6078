"""How often each sender may have something done: nobody uses up alone what is there for all."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

from receiver.sns.budget import Budget

_MOST_SENDERS = 1024
_SITE = 64


class Shares:
    """A budget for each sender, of whom the latest are remembered. `ticks` is a monotonic clock in seconds."""

    def __init__(self, burst: int, rate: float, ticks: Callable[[], float]) -> None:
        self._burst = burst
        self._rate = rate
        self._ticks = ticks
        self._budgets: OrderedDict[str, Budget] = OrderedDict()

    def take(self, sender: str) -> bool:
        """Use one of a sender's up, or say that none is left. `sender` is an address, or what stands for one."""
        who = _site(sender)
        budget = self._budgets.get(who) or Budget(self._burst, self._rate, self._ticks)
        self._budgets[who] = budget
        self._budgets.move_to_end(who)
        if len(self._budgets) > _MOST_SENDERS:
            self._budgets.popitem(last=False)
        return budget.take()

    def give_back(self, sender: str) -> None:
        """Let one that a sender has used up be used again."""
        if (budget := self._budgets.get(_site(sender))) is not None:
            budget.give_back()


def _site(sender: str) -> str:
    """Of an IPv6 address the network that one customer has (RFC 6177), of which he may use every address."""
    try:
        address = ipaddress.ip_address(sender)
    except ValueError:
        return sender
    if isinstance(address, ipaddress.IPv4Address):
        return sender
    return str(address.ipv4_mapped or ipaddress.ip_network((address.packed, _SITE), strict=False))
