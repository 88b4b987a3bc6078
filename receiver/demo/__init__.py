"""The whole way on this machine: a simulated SNS, the daemon as a process, and a sink for what it forwards."""

from receiver.demo.demo import Audience, Options, Scene, run
from receiver.demo.journeys import Step, Verdict

__all__ = ["Audience", "Options", "Scene", "Step", "Verdict", "run"]
