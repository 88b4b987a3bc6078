"""Warnings about rules: those that never get a notification, and fields and types that no notification has."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from receiver.config.field_advice import INTERNAL, FieldAdvice
from receiver.config.source import KeyPath, Source
from receiver.rules.reachability import never_matches, shadowed
from receiver.rules.rule import Rule

Field = tuple[str, ...]


def advise_on_rules(source: Source, rules: Sequence[Rule], advice: FieldAdvice) -> None:
    """Report warnings about the rules of a file without errors."""
    if not rules:
        source.report(("rules",), "there are no rules: everything will be kept as unrouted", "warning")
    places = {rule.name: place for place, rule in enumerate(rules)}
    for shadow in shadowed(rules):
        text = f'never gets anything: the rule "{shadow.by.name}" on line {shadow.by.line} stops the search before it'
        source.report(("rules", places[shadow.rule.name]), text, "warning")
    for rule in rules:
        path: KeyPath = ("rules", places[rule.name])
        match = rule.pattern.source if rule.pattern else {}
        reason = never_matches(rule.pattern) if rule.pattern else None
        if reason:
            source.report((*path, "match"), f"matches nothing: {reason}", "warning")
        else:
            advice.check_types((*path, "match", "type"), match)
        for inner, field in (*pattern_fields(match, ("match",)), *template_fields(rule)):
            advice.check((*path, *inner), field, types_of(rule) or _own_beginnings(rule))


def types_of(rule: Rule) -> list[str] | None:
    """The types that a rule's pattern wants, None where it does not list them."""
    values = rule.pattern.source.get("type") if rule.pattern else None
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return values
    return None


def _own_beginnings(rule: Rule) -> list[str] | None:
    """What the daemon's own types begin with, where a pattern asks for them by a prefix."""
    values = rule.pattern.source.get("type") if rule.pattern else None
    prefixes = [value.get("prefix") for value in values or () if isinstance(value, Mapping)]
    return [each for each in prefixes if isinstance(each, str) and each.startswith(INTERNAL)] or None


def pattern_fields(match: Mapping[str, Any], path: KeyPath, field: Field = ()) -> Iterator[tuple[KeyPath, Field]]:
    """The fields that a pattern looks at, each with its place. A name with dots reaches as deep as nested ones."""
    for name, inner in match.items():
        if name == "$or" and isinstance(inner, list):
            for place, choice in enumerate(inner):
                yield from pattern_fields(choice, (*path, name, place), field)
        elif isinstance(inner, Mapping):
            yield from pattern_fields(inner, (*path, name), (*field, *name.split(".")))
        else:
            yield (*path, name), (*field, *name.split("."))


def template_fields(rule: Rule) -> Iterator[tuple[KeyPath, Field]]:
    """The fields that a rule's keys are made of, each with its place."""
    if rule.key:
        yield from ((("key",), field) for field in rule.key.fields)
    if rule.once:
        yield from ((("once", "key"), field) for field in rule.once.key.fields)
