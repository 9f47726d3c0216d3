"""Checks on every error message: printable, short, without secrets."""

import re

from streamer.errors import StreamerError

MAX_MESSAGE_CHARS = 1000
"""Longest message, in characters, without the path of the file."""

CANARY = "xyzzy-canary"
"""Marks a secret, which must not appear in any message."""

Input = dict[str, bytes]
"""Parts of an input by name; each is written to a file of that name."""


class FuzzFailure(Exception):  # noqa: N818 - a result, not an error of the program
    """An input led to something that must not happen."""


def check_error(error: StreamerError, *paths: object) -> str:
    """Check an error's message, and return its kind."""
    text = str(error)
    for path in paths:
        text = text.replace(str(path), "PATH")
    check_text(text)
    if not text:
        raise FuzzFailure("an error without a message")
    return f"{type(error).__name__}: {message_kind(text)}"


def check_text(text: str) -> None:
    """Check one line of output."""
    if not text.isprintable():
        raise FuzzFailure(f"not printable: {text[:300]!a}")
    if len(text) > MAX_MESSAGE_CHARS:
        raise FuzzFailure(f"{len(text)} characters: {text[:300]}...")
    if CANARY in text.lower():
        raise FuzzFailure(f"a secret is revealed: {text}")


def message_kind(text: str) -> str:
    """Return a message without the parts that differ between inputs."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"?', '"…"', text)
    text = re.sub(r"'(?:[^'\\]|\\.)*'", "'…'", text)
    text = re.sub(r"= .* is invalid", "= … is invalid", text)
    return re.sub(r"\d[\d.,:e+-]*", "N", text)[:120]
