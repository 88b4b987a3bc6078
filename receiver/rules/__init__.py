"""The rule table: event patterns as Amazon EventBridge has them, compiled into an index over thousands of rules."""

from receiver.rules.errors import PatternError
from receiver.rules.pattern import Pattern

__all__ = ["Pattern", "PatternError"]
