"""A stand-in for Amazon SNS: signed pushes, certificate, confirmation; usable as a library in integration tests."""

from receiver.simulators.errors import NotConfirmed, SimulationError
from receiver.simulators.sns.authority import Authority
from receiver.simulators.sns.envelopes import Shape
from receiver.simulators.sns.flavour import Flavour
from receiver.simulators.sns.messages import Push, Topic
from receiver.simulators.sns.sender import Answer, Policy, Sender
from receiver.simulators.sns.simulated import SimulatedSns
from receiver.simulators.sns.subscriptions import Status, Subscription

__all__ = [
    "Answer",
    "Authority",
    "Flavour",
    "NotConfirmed",
    "Policy",
    "Push",
    "Sender",
    "Shape",
    "SimulatedSns",
    "SimulationError",
    "Status",
    "Subscription",
    "Topic",
]
