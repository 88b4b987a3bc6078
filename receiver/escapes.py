"""Text of strangers on its way to a terminal: one line in which no character does anything."""

import json


def escaped(text: str) -> str:
    """The text with Python's escape for each character that is not printable. All others stay readable."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def escaped_json(text: str) -> str:
    """A JSON text on one line, the same to who reads it, with JSON's escape for each character that is not printable.

    JSON (RFC 8259, section 7) leaves C1's control characters as they are, of which one begins a terminal's commands.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
