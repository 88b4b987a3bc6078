"""Warnings about data of buyers: kept too long, named where it is not, or asked for where it is dropped."""

from collections.abc import Iterator, Mapping, Sequence

from receiver.config.catalogue import catalogue
from receiver.config.configuration import HandlerSpec
from receiver.config.field_advice import FieldAdvice
from receiver.config.privacy import PrivacySettings
from receiver.config.rule_advice import pattern_fields, template_fields, types_of
from receiver.config.settings import InboxSettings
from receiver.config.source import KeyPath, Source
from receiver.config.suggest import did_you_mean
from receiver.config.templates import fields_in
from receiver.notification import normal_type
from receiver.privacy import FieldPath, Fields
from receiver.privacy.buyer_data import LONGEST, NOTIFICATIONS, answers_carry
from receiver.rules.rule import Rule

_DAY = 86400.0


def advise_on_privacy(
    source: Source,
    privacy: PrivacySettings | None,
    inbox: InboxSettings,
    handlers: Mapping[str, HandlerSpec],
    rules: Sequence[Rule],
) -> None:
    """Report the warnings about data of buyers in a file without errors."""
    advice = _PrivacyAdvice(source, privacy, FieldAdvice(source, catalogue()))
    advice.check_retention(inbox, handlers, rules)
    advice.check_fields()
    advice.check_handlers(handlers)
    advice.check_uses(handlers, rules)


class _PrivacyAdvice:
    """Reports to a source what `[privacy]` and the time that things are kept leave to be wished."""

    def __init__(self, source: Source, privacy: PrivacySettings | None, advice: FieldAdvice) -> None:
        self._source = source
        self._privacy = privacy
        self._advice = advice

    def check_retention(self, inbox: InboxSettings, handlers: Mapping[str, HandlerSpec], rules: Sequence[Rule]) -> None:
        """Warn where data of buyers is kept longer than Amazon lets it be."""
        if inbox.retention <= LONGEST:
            return
        kept = [f"{type_} ({', '.join(paths)})" for type_, paths in self._kept(rules)]
        kept += [f"the answers to handlers.{name}" for name in self._answering(handlers)]
        if kept:
            days = f"{inbox.retention / _DAY:g} days"
            cure = 'set it to "30d" or less, or name these fields under [privacy] drop or mask'
            self._warn(("inbox", "retention"), f"keeps data of buyers for {days}, Amazon allows 30: {cure}: {kept[0]}")
            for each in kept[1:]:
                self._warn(("inbox", "retention"), f"keeps data of buyers for {days} too: {each}")

    def check_fields(self) -> None:
        """Warn of paths under `[privacy]` that lead nowhere."""
        privacy = self._privacy
        if privacy is None:
            return
        self._check_paths(("privacy",), privacy.fields, None)
        for type_, each in privacy.types.items():
            self._check_paths(self._place(type_), each.fields, [type_])

    def check_handlers(self, handlers: Mapping[str, HandlerSpec]) -> None:
        """Warn of answers named that no handler gives."""
        for name in self._privacy.results if self._privacy else ():
            if name not in handlers:
                hint = did_you_mean(name, handlers, "the handlers are")
                self._warn(("privacy", "results", name), f"there is no such handler: {hint}")

    def check_uses(self, handlers: Mapping[str, HandlerSpec], rules: Sequence[Rule]) -> None:
        """Warn of rules and templates that read what is dropped, and of keys made of data of buyers."""
        for place, rule in enumerate(rules):
            types = types_of(rule)
            match = rule.pattern.source if rule.pattern else {}
            templates = list(template_fields(rule))
            for inner, field in (*pattern_fields(match, ("match",)), *templates):
                self._check_use(("rules", place, *inner), field, types)
            for inner, field in templates:
                self._check_key(("rules", place, *inner), field, types)
        for name, spec in handlers.items():
            for inner, field in fields_in(spec.settings):
                self._check_use(("handlers", name, *inner), field, None)

    def _kept(self, rules: Sequence[Rule]) -> Iterator[tuple[str, list[str]]]:
        """Types that may come, with their fields of buyers that are kept as they are."""
        lists = [types_of(rule) for rule in rules]
        wanted = None if None in lists or not lists else {name for types in lists for name in types or ()}
        for type_, carried in NOTIFICATIONS.items():
            named = self._named(type_)
            left = [each for each in carried.paths if not _covered(each, (*named.drop, *named.mask))]
            if left and (wanted is None or type_ in wanted):
                yield type_, left

    def _answering(self, handlers: Mapping[str, HandlerSpec]) -> Iterator[str]:
        """Handlers whose answers may hold data of buyers, and of which no field is named."""
        results = self._privacy.results if self._privacy else {}
        for name, spec in handlers.items():
            operation = getattr(spec.settings, "operation", None)
            if answers_carry(getattr(operation, "full_name", "")) and name not in results:
                yield name

    def _named(self, type_: str) -> Fields:
        return self._privacy.fields_of(type_) if self._privacy else Fields()

    def _check_paths(self, place: KeyPath, fields: Fields, types: list[str] | None) -> None:
        if types:
            self._advice.check_types(place[:-1], {"type": types})
        for key, paths in (("drop", fields.drop), ("mask", fields.mask)):
            for number, path in enumerate(paths):
                steps = [step for step in path.steps if step != "*"]
                self._advice.check((*place, key, number), steps, types)

    def _check_use(self, place: KeyPath, field: Sequence[str], types: list[str] | None) -> None:
        named = [self._named(type_).drop for type_ in types or ()] or ([self._named("").drop] if self._privacy else [])
        if named and all(_covers(paths, tuple(field)) for paths in named):
            self._warn(place, f"{'.'.join(field)} is dropped by [privacy]: it is never there")

    def _check_key(self, place: KeyPath, field: Sequence[str], types: list[str] | None) -> None:
        for type_ in types or NOTIFICATIONS:
            carried = NOTIFICATIONS.get(type_)
            if carried and carried.fields and _covers(tuple(map(FieldPath.parse, carried.fields)), tuple(field)):
                text = f"{'.'.join(field)} tells of a buyer, and a key is kept as it is, encrypted or not"
                self._warn(place, text)
                return

    def _place(self, type_: str) -> KeyPath:
        """Where the table of a type stands: it may be written in any casing."""
        tables = self._source.data.get("privacy", {}).get("types", {})
        return ("privacy", "types", next((name for name in tables if normal_type(name) == type_), type_))

    def _warn(self, path: KeyPath, text: str) -> None:
        self._source.report(path, text, "warning")


def _covered(path: str, by: Sequence[FieldPath]) -> bool:
    return _covers(by, FieldPath.parse(path).steps)


def _covers(paths: Sequence[FieldPath], field: tuple[str, ...]) -> bool:
    return any(path.covers(field) for path in paths)
