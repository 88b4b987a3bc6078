"""Did you mean: the nearest known name to one that is not known."""

import difflib
from collections.abc import Iterable

_LONGEST = 100
_LISTED = 12
_SHORTEST_BEGINNING = 3


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, whatever the case and separators; None where none is like it."""
    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(_folded(candidate), candidate)
    wanted = _folded(name[:_LONGEST])
    longer = [folded[candidate] for candidate in folded if candidate.startswith(wanted)]
    if len(longer) == 1 and len(wanted) >= _SHORTEST_BEGINNING:
        return longer[0]
    close = difflib.get_close_matches(wanted, folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str], what: str = "known here") -> str:
    """`did you mean "x"?`, or the list of what is known where nothing is near, or nothing where nothing is known."""
    known = list(known)
    if close := nearest(name, known):
        return f'did you mean "{close}"?'
    if not known:
        return f"nothing is {what}"
    more = ", …" if len(known) > _LISTED else ""
    return f"{what}: {', '.join(known[:_LISTED])}{more}"


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")
