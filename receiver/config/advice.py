"""Warnings: what a rules file may say, and its author hardly meant."""

import re
from collections.abc import Iterable, Mapping, Sequence

from handlers.base import Template
from receiver.config.catalogue import catalogue
from receiver.config.configuration import HandlerSpec
from receiver.config.field_advice import FieldAdvice
from receiver.config.rule_advice import advise_on_rules, types_of
from receiver.config.settings import ServerSettings, SnsSettings
from receiver.config.source import KeyPath, Source
from receiver.config.templates import fields_in
from receiver.rules.rule import Rule

_CREDENTIALS = "/run/credentials"
"""Where systemd keeps those of a service, while it runs."""
_SECRET = re.compile(r"(authorization|password|passwd|secret|token|api[-_]?key|cookie)$", re.IGNORECASE)


def advise(
    source: Source,
    server: ServerSettings,
    sns: SnsSettings,
    handlers: Mapping[str, HandlerSpec],
    rules: Sequence[Rule],
) -> None:
    """Report the warnings about a file without errors."""
    _check_exposure(source, server, sns)
    _check_files(source, server, sns)
    advice = FieldAdvice(source, catalogue())
    advise_on_rules(source, rules, advice)
    used = _handlers_reached(handlers, rules)
    followers = {name for spec in handlers.values() for name in spec.options.then}
    for name, spec in handlers.items():
        _check_literals(source, spec)
        if name not in used:
            _warn(source, ("handlers", name), "no rule leads to it: it is never used")
        for inner, field in fields_in(spec.settings):
            if field[0] == "result" and name not in followers:
                text = "no handler has this one in its `then`: there is no result that it could take from"
                _warn(source, ("handlers", name, *inner), f"{'.'.join(field)}: {text}")
            more = ("result", "answer") if inner[:1] == ("result",) else ("result",)
            advice.check(("handlers", name, *inner), field, _types(used.get(name, ())), more)


def _warn(source: Source, path: KeyPath, text: str) -> None:
    source.report(path, text, "warning")


def _check_exposure(source: Source, server: ServerSettings, sns: SnsSettings) -> None:
    if server.admin and not server.admin.local:
        cure = "use 127.0.0.1, or unix: and a proxy that asks for a login"
        _warn(source, ("server", "admin"), f"can be reached from other machines: {cure}")
    for place, signer in enumerate(sns.signers):
        text = f"whoever answers at {signer.url} can push anything: never on a machine that strangers can reach"
        _warn(source, ("sns", "signers", place), text)


def _check_literals(source: Source, spec: HandlerSpec) -> None:
    """A secret may stand in the clear where its name alone tells of it. The value is not repeated."""
    for key in ("headers", "env"):
        values = getattr(spec.settings, key, None)
        for name, value in values.items() if isinstance(values, Mapping) else ():
            if _SECRET.search(name) and isinstance(value, Template) and value.source and not value.fields:
                cure = 'use { env = "NAME" }, { file = "PATH" } or { credential = "NAME" }'
                _warn(source, ("handlers", spec.name, key, name), f"looks like a secret in the clear: {cure}")


def _check_files(source: Source, server: ServerSettings, sns: SnsSettings) -> None:
    tls = server.tls
    named = [(("server", "tls", "certificate"), tls.certificate), (("server", "tls", "key"), tls.key)] if tls else []
    signers = [(("sns", "signers", place, "certificate"), each.certificate) for place, each in enumerate(sns.signers)]
    for path, file in (*named, *signers):
        if file is None or file.is_relative_to(_CREDENTIALS):
            continue
        try:
            missing = not file.exists()
        except OSError:
            continue
        if missing:
            _warn(source, path, f"there is no file {file}")


def _handlers_reached(handlers: Mapping[str, HandlerSpec], rules: Iterable[Rule]) -> dict[str, list[Rule]]:
    """The handlers that rules lead to, directly or through `then`, each with those rules."""
    reached: dict[str, list[Rule]] = {}
    for rule in rules:
        waiting = list(rule.handlers)
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                reached.setdefault(name, []).append(rule)
                waiting.extend(handlers[name].options.then)
    return reached


def _types(rules: Iterable[Rule]) -> list[str] | None:
    """The types that any of the rules wants, None where one does not list them."""
    lists = [types_of(rule) for rule in rules]
    found = {name for types in lists for name in types or ()}
    return sorted(found) if None not in lists else None
