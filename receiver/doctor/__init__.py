"""What stops notifications from arriving and calls from working: checks, each with its findings and their cures.

A check is a function of a `Patient` that returns results; `receiver.doctor.registry` lists them all, in the order in
which an operator would look.
"""

from receiver.doctor.check import Check, Result, Verdict
from receiver.doctor.examination import examine
from receiver.doctor.patient import Patient

__all__ = ["Check", "Patient", "Result", "Verdict", "examine"]
