"""The whole way on this machine: simulated SNS and SP-API, the daemon as a process, and a sink for what it forwards."""

from receiver.demo.demo import Audience, Options, Scene, run
from receiver.demo.journeys import Journey, Step, Verdict

__all__ = ["Audience", "Journey", "Options", "Scene", "Step", "Verdict", "run"]
