"""Text that came from elsewhere, as it may be shown: on one line, and not too much of it."""

from streamer import limits


def printable(text: str) -> str:
    """Return text on one line, with an escape for what a terminal would not print."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def brief(text: str, most: int = limits.SHOWN_REASON) -> str:
    """Return the beginning of a text, printable."""
    text = printable(text[: most + 1])
    return text if len(text) <= most else text[: most - 1] + "…"
