"""What a fuzz target is: bytes go in, and an oracle says what must hold whatever they are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Target:
    """One target. `check` raises AssertionError where the oracle is contradicted; all else it raises is a crash."""

    name: str
    check: Callable[[bytes], None]
    inputs: st.SearchStrategy[bytes]
    """Inputs of the right shape, for hypothesis and for coverage-guided runs through it."""
    words: tuple[str, ...] = ()
    """What a mutation by bytes would not come upon by chance."""
    close: Callable[[], None] = field(default=lambda: None)
    """Ends what `check` started."""

    def corpus(self) -> list[Path]:
        """The inputs in the tree: seeds, and whatever once found a fault."""
        return sorted((CORPUS / self.name).iterdir())


def demand(holds: bool, otherwise: str) -> None:
    """What an oracle asks for. Raises AssertionError, whose text says what is wrong."""
    if not holds:
        raise AssertionError(otherwise)


def depth_of(value: Any) -> int:
    """How many lists and objects lie in each other in a JSON value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


def text_of(data: bytes) -> str:
    """Any bytes as a text that JSON can hold: what is not UTF-8 is replaced."""
    return data.decode("utf-8", "replace")


def parts_of(data: bytes, count: int) -> list[str]:
    """Bytes as `count` texts with NUL between them; those that are missing are empty, the last may hold NULs."""
    found = text_of(data).split("\0", count - 1)
    return found + [""] * (count - len(found))


def joined(*texts: str) -> bytes:
    """What `parts_of` takes apart."""
    return "\0".join(texts).encode("utf-8", "replace")
