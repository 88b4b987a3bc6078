"""Text of strangers on its way to a terminal: one line in which no character does anything."""


def escaped(text: str) -> str:
    """The text with Python's escape for each character that is not printable. All others stay readable."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
