"""What is wrong with a pattern, and where."""

import json
import re

_BARE = re.compile(r"[A-Za-z0-9_$-]+")


def dotted(path: tuple[str | int, ...]) -> str:
    """A path as the rules file writes it: `payload."a b".items[0]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if _BARE.fullmatch(step) else json.dumps(step, ensure_ascii=False)
            text += f".{name}" if text else name
    return text


class PatternError(ValueError):
    """A pattern is invalid; the text names the path inside it and says what to write instead."""

    def __init__(self, path: tuple[str | int, ...], problem: str) -> None:
        super().__init__(f"{dotted(path)}: {problem}" if path else problem)
        self.path = path
        """Keys and list positions that lead to the fault, e.g. `("payload", "sku", 0, "prefix")`."""
        self.problem = problem
