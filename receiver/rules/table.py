"""The rules of a file, compiled: from a notification to the deliveries it asks for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from handlers.base import Template, TemplateError
from receiver.inbox.store import Once, Route
from receiver.notification import Notification
from receiver.rules.index import Index
from receiver.rules.pattern import Pattern
from receiver.rules.rule import Rule
from receiver.rules.trace import Verdict, first_failure


class Table:
    """Rules in file order. All that match fire, up to the first with `stop`. Immutable and free of I/O."""

    __slots__ = ("_constant", "_index", "_matches", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: Sequence[Rule] = tuple(rules)
        enabled = [(place, rule.pattern) for place, rule in enumerate(self.rules) if rule.enabled]
        self._index = Index(
            ((place, branch.terms) for place, pattern in enabled if pattern for branch in pattern.branches),
            always=(place for place, pattern in enabled if pattern is None),
        )
        self._matches = [_matcher(rule.pattern) for rule in self.rules]
        self._constant = [_constant_routes(rule) for rule in self.rules]

    def route(self, notification: Notification) -> tuple[Route, ...]:
        """The deliveries that the rules ask for; none where no rule matches.

        A delivery whose key cannot be rendered is born dead, with the reason.
        """
        routes: tuple[Route, ...] = ()
        for place in self._firing(notification.document):
            constant = self._constant[place]
            routes += _routes(self.rules[place], notification) if constant is None else constant
        return routes

    def firing(self, document: Mapping[str, Any]) -> list[Rule]:
        """The rules that fire for a document, in file order."""
        return [self.rules[place] for place in self._firing(document)]

    def explain(self, notification: Notification) -> list[Verdict]:
        """For every rule whether it matches and fires, and if it does not match the first condition that failed."""
        verdicts, stopped = [], False
        for rule in self.rules:
            failed = first_failure(rule.pattern, notification.document) if rule.pattern else None
            fired = failed is None and rule.enabled and not stopped
            verdicts.append(Verdict(rule, matched=failed is None, fired=fired, failed=failed))
            stopped = stopped or (fired and rule.stop)
        return verdicts

    def _firing(self, document: Mapping[str, Any]) -> list[int]:
        event = document if type(document) is dict else dict(document)
        fired = []
        for place in self._index.candidates(event):
            if self._matches[place](event):
                fired.append(place)
                if self.rules[place].stop:
                    break
        return fired


def _matcher(pattern: Pattern | None) -> Callable[[dict[str, Any]], bool]:
    if pattern is None:
        return lambda _: True
    return pattern.branches[0].matches if len(pattern.branches) == 1 else pattern.matches


def _constant_routes(rule: Rule) -> tuple[Route, ...] | None:
    """The deliveries of a rule that are the same for every notification, None where templates have to be rendered."""
    if rule.key is not None or rule.once is not None:
        return None
    return _routes_with(rule, None, None)


def _routes(rule: Rule, notification: Notification) -> tuple[Route, ...]:
    try:
        key = _render(rule, "key", rule.key, notification) if rule.key else None
        once = Once(_render(rule, "once.key", rule.once.key, notification), rule.once.within) if rule.once else None
    except TemplateError as error:
        return tuple(Route(rule.name, handler, dead=str(error)) for handler in rule.handlers)
    return _routes_with(rule, key, once)


def _routes_with(rule: Rule, key: str | None, once: Once | None) -> tuple[Route, ...]:
    return tuple(Route(rule.name, handler, key, rule.coalesce, rule.newest_only, once) for handler in rule.handlers)


def _render(rule: Rule, name: str, template: Template, notification: Notification) -> str:
    """The text of a rule's template. Raises TemplateError naming rule, template, field and notification."""
    try:
        return template.text(notification.document)
    except TemplateError as error:
        which = notification.notification_id or notification.dedup_key
        raise TemplateError(f'rule "{rule.name}", {name} {template.source}: {error} (notification {which})') from None
