"""Format Markdown: code, tables, JSON examples, prose."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any


def code(text: object) -> str:
    """Return a text as inline code; an empty text stays empty."""
    plain = str(text)
    fence = "``" if "`" in plain else "`"
    return f"{fence}{plain}{fence}" if plain else ""


def block(text: str, language: str = "") -> str:
    """Return a text as a code block."""
    return f"```{language}\n{text.rstrip()}\n```"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, kind: str = "") -> str:
    """Return a Markdown table.

    Parameters
    ----------
    head
        Column headings.
    rows
        Cells, each in Markdown.
    kind
        CSS class of the element around the table; see `assets/site.css`.
    """
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    text = "\n".join(lines)
    return f'<div class="{kind}" markdown>\n\n{text}\n\n</div>' if kind else text


def pretty(payload: bytes) -> str:
    """Return indented JSON, one line for each top-level field."""
    content: dict[str, Any] = json.loads(payload)
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def prose(text: str) -> str:
    """Return a docstring's text as Markdown, with `<` escaped outside code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part[:1] == "`" else part.replace("<", "&lt;") for part in parts)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    """Return a cell on one line, with `|` escaped outside code."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part[:1] == "`" else part.replace("|", "\\|") for part in parts)
