"""Taking fields out of JSON values, or hiding what they hold. Pure; works in place on values of its own caller."""

from collections.abc import Callable, Iterator
from typing import Any

from receiver.privacy.paths import ANY, FieldPath

MASK = "***"
"""What stands in place of a value that is not kept."""

Place = tuple[Any, Any]
"""An object or a list, and the name or index of a value in it."""


def drop(value: Any, path: FieldPath) -> int:
    """Remove what a path names; how many values that were."""
    return _each(value, path, _remove)


def mask(value: Any, path: FieldPath) -> int:
    """Put MASK in place of each text, number and truth value in what a path names; how many values were named."""
    return _each(value, path, _hide)


def _each(value: Any, path: FieldPath, act: Callable[[Any, Any], None]) -> int:
    # From the back, so that indices of a list still hold when elements before them go.
    places = list(_places(value, path, 0))[::-1]
    for container, name in places:
        act(container, name)
    return len(places)


def _places(node: Any, path: FieldPath, depth: int) -> Iterator[Place]:
    """Where a path leads from a node; its first `depth` steps are behind."""
    step, last = path.steps[depth], depth + 1 == len(path.steps)
    for name, child, fits in _children(node, step, path.forms[depth]):
        if not fits:
            yield from _places(child, path, depth)
        elif last:
            yield node, name
        else:
            yield from _places(child, path, depth + 1)


def _children(node: Any, step: str, forms: frozenset[str]) -> Iterator[tuple[Any, Any, bool]]:
    """Values in a node, each with whether the step names it; elements of a list that it does not are looked into."""
    if isinstance(node, dict):
        yield from ((name, child, True) for name, child in list(node.items()) if step == ANY or name in forms)
    elif isinstance(node, list):
        for place, child in enumerate(node):
            if step == ANY or step == str(place):
                yield place, child, True
            elif not step.isdecimal():
                yield place, child, False


def _remove(container: Any, name: Any) -> None:
    del container[name]


def _hide(container: Any, name: Any) -> None:
    container[name] = _masked(container[name])


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return None if value is None else MASK
