"""The rule table: event patterns as Amazon EventBridge has them, compiled into an index over thousands of rules."""

from receiver.rules.errors import PatternError
from receiver.rules.pattern import Pattern
from receiver.rules.rule import OnceRule, Rule
from receiver.rules.table import Table
from receiver.rules.trace import Condition, Verdict

__all__ = ["Condition", "OnceRule", "Pattern", "PatternError", "Rule", "Table", "Verdict"]
