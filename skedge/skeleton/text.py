"""Words from files and devices, made harmless for a terminal and a page."""


def printable(text: str) -> str:
    """The text with every character that is not for reading replaced: control codes, which a
    terminal would obey, and marks that turn the direction of a line."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
