"""Warnings: what a rules file may say, and its author hardly meant."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from receiver.config.catalogue import DOCUMENT_FIELDS, Catalogue, catalogue
from receiver.config.configuration import HandlerSpec
from receiver.config.settings import ServerSettings, SnsSettings
from receiver.config.source import KeyPath, Source
from receiver.config.suggest import did_you_mean, nearest
from receiver.config.templates import templates_in
from receiver.rules.reachability import never_matches, shadowed
from receiver.rules.rule import Rule

_INTERNAL = "router."


def advise(source: Source, server: ServerSettings, sns: SnsSettings, handlers: Mapping[str, HandlerSpec]) -> None:
    """Report warnings for a file without errors, but for those about single rules."""
    if server.admin and not server.admin.local:
        _warn(
            source,
            ("server", "admin"),
            "can be reached from other machines: use 127.0.0.1, or unix: and a proxy that asks for a login",
        )
    for place, signer in enumerate(sns.signers):
        text = f"whoever answers at {signer.url} can push anything: never on a machine that strangers can reach"
        _warn(source, ("sns", "signers", place), text)
    _check_files(source, server, sns)
    _check_used(source, handlers)
    for name, spec in handlers.items():
        for inner, template in templates_in(spec.settings):
            path = ("handlers", name, *inner)
            for field in template.fields:
                _check_field(source, path, field, (*DOCUMENT_FIELDS, "result"))


def advise_on_rules(source: Source, rules: Sequence[Rule]) -> None:
    """Report warnings about the rules of a file without errors."""
    known = catalogue()
    if not rules:
        _warn(source, ("rules",), "there are no rules: everything will be kept as unrouted")
    for shadow in shadowed(rules):
        place = next(place for place, rule in enumerate(rules) if rule is shadow.rule)
        text = f'never gets anything: the rule "{shadow.by.name}" on line {shadow.by.line} stops the search before it'
        _warn(source, ("rules", place), text)
    for place, rule in enumerate(rules):
        _advise_on_rule(source, ("rules", place), rule, source.data["rules"][place].get("match", {}), known)


def _advise_on_rule(source: Source, path: KeyPath, rule: Rule, match: Mapping[str, Any], known: Catalogue) -> None:
    types = _types(match)
    if types and not known.payloads.keys() >= set(types) and not any(name.startswith(_INTERNAL) for name in types):
        types = None
    reason = never_matches(rule.pattern) if rule.pattern else None
    if reason:
        _warn(source, (*path, "match"), f"matches nothing: {reason}")
    else:
        _check_types(source, (*path, "match", "type"), match, known)
    places = [((*path, "match", *inner), field) for inner, field in _fields(match)]
    places += [((*path, *inner), field) for inner, template in _rule_templates(rule) for field in template.fields]
    for place, field in places:
        _check_field(source, place, field)
        _check_payload(source, place, field, types, known)


def _warn(source: Source, path: KeyPath, text: str) -> None:
    source.report(path, text, "warning")


def _check_files(source: Source, server: ServerSettings, sns: SnsSettings) -> None:
    tls = server.tls
    named = [(("server", "tls", "certificate"), tls.certificate), (("server", "tls", "key"), tls.key)] if tls else []
    signers = [(("sns", "signers", place, "certificate"), each.certificate) for place, each in enumerate(sns.signers)]
    for path, file in (*named, *signers):
        try:
            missing = file is not None and not file.exists()
        except OSError:
            continue
        if missing:
            _warn(source, path, f"there is no file {file}")


def _check_used(source: Source, handlers: Mapping[str, HandlerSpec]) -> None:
    tables = source.data.get("rules", [])
    used = {name for table in tables for name in table.get("handlers", ())}
    used |= {name for spec in handlers.values() for name in spec.options.then}
    for name in handlers.keys() - used:
        _warn(source, ("handlers", name), "no rule and no other handler names it: it is never used")


def _check_field(source: Source, path: KeyPath, field: Sequence[str], known: Sequence[str] = DOCUMENT_FIELDS) -> None:
    """Warn of a field that no document has at its top."""
    if field[0] not in known:
        hint = did_you_mean(field[0], known, "there are")
        _warn(source, path, f'a notification has no field "{field[0]}": {hint}')


def _check_payload(
    source: Source, path: KeyPath, field: Sequence[str], types: Sequence[str] | None, known: Catalogue
) -> None:
    """Warn of a field of the payload that Amazon's examples do not have."""
    if field[0] != "payload" or (types and any(name.startswith(_INTERNAL) for name in types)):
        return
    names = [name for name in field[1:] if not name.isdecimal()]
    fault = known.unknown(names, types)
    if fault is None:
        return
    *above, strange = fault.path
    near = nearest(strange, fault.siblings)
    of = " or ".join(types) if types else "known"
    where = ".".join(("payload", *above))
    hint = f': did you mean "{near}"?' if near else _listed(fault.siblings) if types else ""
    _warn(source, path, f'"{strange}" does not occur in {where} of {of} notifications{hint}')


def _listed(siblings: Sequence[str]) -> str:
    more = ", …" if len(siblings) > 8 else ""
    return f": there are {', '.join(siblings[:8])}{more}" if siblings else ": there is a plain value"


def _check_types(source: Source, path: KeyPath, match: Mapping[str, Any], known: Catalogue) -> None:
    values = match.get("type")
    for place, value in enumerate(values if isinstance(values, list) else ()):
        if isinstance(value, str) and value not in known.types and not value.startswith(_INTERNAL):
            near = nearest(value, known.types)
            hint = f': did you mean "{near}"?' if near else ", unless it is new"
            _warn(source, (*path, place), f'"{value}" is not a notification type of SP-API{hint}')


def _types(match: Mapping[str, Any]) -> list[str] | None:
    """The types that a pattern wants, None where it does not name them."""
    values = match.get("type")
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return values
    return None


def _fields(
    match: Mapping[str, Any], path: KeyPath = (), field: tuple[str, ...] = ()
) -> Iterator[tuple[KeyPath, tuple[str, ...]]]:
    """The fields that a pattern looks at, each with its place in the pattern."""
    for name, inner in match.items():
        if name == "$or" and isinstance(inner, list):
            for place, choice in enumerate(inner):
                yield from _fields(choice, (*path, name, place), field)
        elif isinstance(inner, Mapping):
            yield from _fields(inner, (*path, name), (*field, *name.split(".")))
        else:
            yield (*path, name), (*field, *name.split("."))


def _rule_templates(rule: Rule) -> Iterator[tuple[KeyPath, Any]]:
    if rule.key:
        yield ("key",), rule.key
    if rule.once:
        yield ("once", "key"), rule.once.key
