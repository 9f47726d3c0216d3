"""Generate the command-line reference from the commands."""

import inspect
import re
from typing import Any

import typer
from typer.main import get_command

from docs.reference.markdown import block, code, prose, table
from streamer.cli.app import app

_NAME = "streamer"
_HEAD = ("option", "description", "default")
_EXIT_CODES = (
    "Exit codes: 2 for invalid input, 1 for other failures (both with a one-line message), 130 for "
    "an interrupt. Options that are not given are taken from the "
    "[configuration](configuration.md)."
)


def page() -> str:
    """Return the page: every command with its arguments and options."""
    root: Any = get_command(app)
    parts = [
        "# Command line",
        f"{prose(root.help)} `{_NAME} COMMAND --help` shows the same in the terminal.",
        _EXIT_CODES,
        block(f"{_NAME} --version", "sh"),
        *_commands(root, _NAME),
    ]
    return "\n\n".join(parts) + "\n"


def options_of(name: str) -> set[str]:
    """Return the option strings of a command, such as `--rate`."""
    root: Any = get_command(app)
    return {option for each in root.commands[name].params for option in each.opts}


def _commands(group: Any, path: str) -> list[str]:
    parts = []
    for name, command in group.commands.items():
        full = f"{path} {name}"
        anchor = full.removeprefix(f"{_NAME} ").replace(" ", "-")
        if hasattr(command, "commands"):
            parts += [f"## {full} {{#{anchor}}}", prose(inspect.cleandoc(command.help or ""))]
            parts += _commands(command, full)
        else:
            level = "##" if path == _NAME else "###"
            parts += [f"{level} {full} {{#{anchor}}}", *_command(command, full)]
    return parts


def _command(command: Any, name: str) -> list[str]:
    context = typer.Context(command, info_name=name)
    usage = " ".join(command.get_usage(context).split()).removeprefix("Usage: ")
    rows = [_row(each.get_help_record(context)) for each in command.params if not each.hidden]
    options = [table(_HEAD, rows, kind="options")] if rows else []
    return [block(usage, "text"), prose(inspect.cleandoc(command.help or "")), *options]


def _row(record: tuple[str, str]) -> tuple[str, str, str]:
    """Split `("--rate HZ", "Estimates a second.  [default: 10]")` into three cells."""
    name, text = record[0], record[1].replace("\\[", "[")
    more: list[str] = []
    while found := re.search(r"(?:^|\s+)\[((?:[^\[\]]|\[[^\]]*\])*)\]$", text):
        more.insert(0, found[1].removeprefix("default: "))
        text = text[: found.start()]
    return code(" ".join(name.split())), prose(text), prose(", ".join(more))
