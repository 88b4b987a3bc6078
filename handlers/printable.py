"""Text of strangers on its way to a terminal or a log: one line, short, without control characters."""


def printable(text: str, most: int = 200) -> str:
    """The text with a blank for each character that is not printable, cut to `most` characters."""
    if len(text) <= most and text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text[:most]).strip()
