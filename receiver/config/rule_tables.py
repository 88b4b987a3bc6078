"""The `[[rules]]` tables."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, WithJsonSchema

from handlers.base import PositiveDuration, Template
from receiver.config.settings import Section
from receiver.config.source import KeyPath, Source
from receiver.config.suggest import did_you_mean
from receiver.config.wording import kind_of
from receiver.rules import Pattern, PatternError
from receiver.rules.operators import OPERATORS
from receiver.rules.rule import OnceRule, Rule

_LEVELS = 8


def _pattern_schema(levels: int) -> dict[str, Any]:
    """Tables down to lists, so that an editor tells of a value that stands without its list."""
    deeper = _pattern_schema(levels - 1) if levels else {"type": "object"}
    value = {"not": {"type": "array"}, "minProperties": 1, "propertyNames": {"enum": [*OPERATORS]}}
    fields = {"anyOf": [{"type": "array", "minItems": 1, "items": value}, deeper]}
    choices = {"type": "array", "minItems": 2, "items": {"type": "object", "minProperties": 1}}
    return {"type": "object", "minProperties": 1, "properties": {"$or": choices}, "additionalProperties": fields}


class OnceSettings(Section):
    """Of the deliveries of one key, only the first within a time runs."""

    key: Template
    within: PositiveDuration


class RuleSettings(Section):
    """One `[[rules]]` table."""

    name: Annotated[str, Field(min_length=1, max_length=100, json_schema_extra={"pattern": r"^\S(.*\S)?$"})]
    """Unique: it stands in logs, listings and metrics."""
    description: str = ""
    match: Annotated[dict[str, Any], WithJsonSchema(_pattern_schema(_LEVELS))] | None = None
    """An Amazon EventBridge event pattern; without it the rule matches everything."""
    handlers: tuple[str, ...] = ()
    """Names of `[handlers.NAME]` tables; each gets a delivery of its own."""
    key: Template | None = Field(None, json_schema_extra={"pattern": r"\{"})
    """Deliveries of one key run one at a time, in event order."""
    coalesce: PositiveDuration | None = None
    """A burst for one key within this time becomes one delivery of the newest."""
    newest_only: bool = False
    """Drop an event that is older than the last one done for its key."""
    once: OnceSettings | None = None
    stop: bool = False
    """Where this rule matches, rules after it are not looked at."""
    enabled: bool = True


RULE = TypeAdapter(RuleSettings)


def read_rules(source: Source) -> tuple[Rule, ...]:
    """The rules without errors of their own; the errors are reported."""
    tables = source.data.get("rules", [])
    if not isinstance(tables, list):
        source.report(("rules",), f"must be written as [[rules]], once for each rule, and is {kind_of(tables)}")
        return ()
    _check_names(source, tables)
    rules = [_read(source, place, table) for place, table in enumerate(tables)]
    return tuple(rule for rule in rules if rule)


def _read(source: Source, place: int, table: Any) -> Rule | None:
    path: KeyPath = ("rules", place)
    rule = source.validated(RULE, table, path)
    pattern = _pattern(source, (*path, "match"), table)
    _check_handlers(source, path, table)
    if rule is None:
        return None
    _check_order(source, path, rule)
    return Rule(
        name=rule.name,
        pattern=pattern,
        handlers=rule.handlers,
        key=rule.key,
        coalesce=rule.coalesce,
        newest_only=rule.newest_only,
        once=OnceRule(rule.once.key, rule.once.within) if rule.once else None,
        stop=rule.stop,
        enabled=rule.enabled,
        description=rule.description,
        line=source.lines.of(path),
    )


def _pattern(source: Source, path: KeyPath, table: Any) -> Pattern | None:
    match = table.get("match") if isinstance(table, Mapping) else None
    if not isinstance(match, Mapping):
        return None
    try:
        return Pattern.parse(match)
    except PatternError as error:
        source.report((*path, *error.path), error.problem)
        return None


def _check_handlers(source: Source, path: KeyPath, table: Any) -> None:
    if not isinstance(table, Mapping):
        return
    names = table.get("handlers", [])
    tables = source.data.get("handlers", {})
    known = tables if isinstance(tables, Mapping) else None
    if not names and table.get("stop") is not True:
        source.report((*path, "handlers"), "names no handler: name one, or set stop = true to end the search here")
    for place, name in enumerate(names if isinstance(names, list) else ()):
        if known is not None and isinstance(name, str) and name not in known:
            hint = did_you_mean(name, known, "there are") if known else f"add a [handlers.{name}] table"
            source.report((*path, "handlers", place), f'there is no handler "{name}": {hint}')
        elif name in names[:place]:
            source.report((*path, "handlers", place), f'"{name}" is named twice')


def _check_order(source: Source, path: KeyPath, rule: RuleSettings) -> None:
    if rule.key is None:
        cure = 'add one, like key = "{payload.OrderChangeNotification.AmazonOrderId}"'
        if rule.coalesce is not None:
            source.report((*path, "coalesce"), f"needs a key, which says what belongs together: {cure}")
        if rule.newest_only:
            source.report((*path, "newest_only"), f"needs a key, which says what belongs together: {cure}")
    elif not rule.key.fields:
        source.report(
            (*path, "key"),
            'has no {field}, so that all deliveries would wait for each other: write it like "{seller_id}"',
        )
    if not rule.name.isprintable() or rule.name != rule.name.strip():
        source.report((*path, "name"), "has control characters, or blanks at an end")


def _check_names(source: Source, tables: list[Any]) -> None:
    first: dict[str, int] = {}
    for place, table in enumerate(tables):
        name = table.get("name") if isinstance(table, Mapping) else None
        if not isinstance(name, str):
            continue
        if name in first:
            line = source.lines.of(("rules", first[name], "name"))
            source.report(("rules", place, "name"), f'a rule named "{name}" is there already, on line {line}')
        first.setdefault(name, place)
