"""What is known of SP-API's notifications: their types, and the fields of their payloads.

Types from "Notification Type Values" of the SP-API documentation, former ones included; fields from Amazon's example
notifications, those of FBA_INVENTORY_AVAILABILITY_CHANGES from its schema. `data/fields.json` holds both: a field's
value is a table of the fields below it, null for a plain value, and an empty table where the example does not tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import orjson

DOCUMENT_FIELDS = (
    "type",
    "version",
    "event_time",
    "notification_id",
    "seller_id",
    "marketplace_id",
    "payload",
    "metadata",
    "topic",
    "subject",
    "attributes",
    "message",
)
"""The top of the document that patterns and templates see."""

Tree = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class UnknownField:
    """A path that leaves what is known: `path` up to and with the first unknown name, `siblings` known beside it."""

    path: tuple[str, ...]
    siblings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Known notification types, and payload fields by type for those with an example."""

    types: frozenset[str]
    payloads: Mapping[str, Tree]

    def unknown(self, path: Sequence[str], types: Iterable[str] | None) -> UnknownField | None:
        """Where a path below `payload` leaves what is known of all of the types; None where it does not.

        Without types, or with one that has no example, only a name that no example has anywhere counts, whether
        its first letter is large or small: SP-API writes fields in both ways.
        """
        wanted = set(types or ())
        if wanted and wanted <= self.payloads.keys():
            faults = [_leaves(path, self.payloads[name]) for name in sorted(wanted)]
            found = [fault for fault in faults if fault]
            return max(found, key=lambda fault: len(fault.path)) if len(found) == len(faults) else None
        names = {name for tree in self.payloads.values() for name in _names(tree)}
        camel = set(map(_camel, names))
        strange = next((place for place, name in enumerate(path) if _camel(name) not in camel), None)
        return None if strange is None else UnknownField(tuple(path[: strange + 1]), tuple(sorted(names)))


def catalogue() -> Catalogue:
    """The catalogue of this release."""
    data = orjson.loads(resources.files("receiver.config").joinpath("data/fields.json").read_bytes())
    return Catalogue(frozenset(data["types"]), data["fields"])


def field_tree(value: Any) -> Tree:
    """The fields of an example: of all elements where it is a list."""
    if isinstance(value, Mapping):
        return {name: field_tree(item) for name, item in value.items()}
    if isinstance(value, list):
        return merged([field_tree(item) for item in value])
    return {} if value is None else None


def merged(trees: Sequence[Tree]) -> Tree:
    """One tree with the fields of all; a plain value only where all are."""
    if trees and all(tree is None for tree in trees):
        return None
    names = dict.fromkeys(name for tree in trees if tree for name in tree)
    return {name: merged([tree[name] for tree in trees if tree and name in tree]) for name in names}


def _leaves(path: Sequence[str], tree: Tree) -> UnknownField | None:
    """Where a path leaves a tree. Below a field of which nothing is told, anything may be."""
    for depth, name in enumerate(path):
        if tree == {}:
            return None
        if tree is None or name not in tree:
            return UnknownField(tuple(path[: depth + 1]), tuple(tree or ()))
        tree = tree[name]
    return None


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def _names(tree: Tree) -> Iterable[str]:
    for name, inner in (tree or {}).items():
        yield name
        yield from _names(inner)
