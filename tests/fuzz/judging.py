"""What has to hold of everything that is said about an input."""

import re

from streamer.errors import StreamerError

LONGEST_MESSAGE = 1000
"""Characters of one line, the path of the file in it not counted."""

CANARY = "xyzzy-canary"
"""Stands for a secret; it may be said nowhere."""

Input = dict[str, bytes]
"""Parts of an input by their names; each is written to a file of that name."""


class Finding(Exception):  # noqa: N818 - it is what is looked for
    """Something that must not be."""


def judged(error: StreamerError, *paths: object) -> str:
    """Check an error as a person would meet it, and return what kind it is."""
    text = str(error)
    for path in paths:
        text = text.replace(str(path), "PATH")
    check_text(text)
    if not text:
        raise Finding("an error without a word")
    return f"{type(error).__name__}: {kind_of(text)}"


def check_text(text: str) -> None:
    """Check one line that is said."""
    if not text.isprintable():
        raise Finding(f"not printable: {text[:300]!a}")
    if len(text) > LONGEST_MESSAGE:
        raise Finding(f"{len(text)} characters are said: {text[:300]}...")
    if CANARY in text.lower():
        raise Finding(f"a secret is said: {text}")


def kind_of(text: str) -> str:
    """Return a message without what differs from one input to the next."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"?', '"…"', text)
    text = re.sub(r"'(?:[^'\\]|\\.)*'", "'…'", text)
    text = re.sub(r"= .* is invalid", "= … is invalid", text)
    return re.sub(r"\d[\d.,:e+-]*", "N", text)[:120]
