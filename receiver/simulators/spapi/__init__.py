"""A stand-in for Login with Amazon and the Selling Partner API, driven by the catalogue of operations."""

from receiver.simulators.spapi.server import Served, SimulatedSpapi
from receiver.simulators.spapi.settings import Settings

__all__ = ["Served", "Settings", "SimulatedSpapi"]
