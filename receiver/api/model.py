"""What all models of the API have in common: they are built when they are first used, not as the daemon starts."""

from typing import Annotated

from pydantic import ConfigDict, Field

from receiver.api.values import Cursor, Limit, PathId
from receiver.attribute_docs import Documented


class Asked(Documented):
    """What is asked for. A name that is not known is refused: a filter with a slip would choose too much."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Answer(Documented):
    """What is answered. Clients let fields pass that they do not know: a later version may add some."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class Nothing(Asked):
    """No parameters."""


class ById(Asked):
    """One of its kind."""

    id: PathId


class Paged(Asked):
    """A page of a listing, newest first."""

    limit: Limit = 50
    """The most that a page holds."""
    cursor: Cursor | None = None
    """The `next` of the page before; the first page without it."""


Next = Annotated[str | None, Field(description="The `cursor` of the next page, null on the last one.")]


def next_of(ids: list[int], limit: int) -> str | None:
    """The cursor behind a page: of its last id where the page is full."""
    return str(ids[-1]) if len(ids) == limit else None
