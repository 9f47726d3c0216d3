"""The reference of the command line, from the commands themselves."""

import inspect
import re
from typing import Any

import typer
from typer.main import get_command

from docs.reference.markdown import block, code, prose, table
from streamer.cli.app import app

_NAME = "streamer"
_HEAD = ("option", "what it does", "default")
_ENDS = (
    "Input that cannot be meant ends with one line and the exit code 2, what fails with one line "
    "and 1, an interrupt with 130. Where an option is not given, the "
    "[configuration](configuration.md) holds."
)


def page() -> str:
    """Return the page: each command with its arguments and options, groups with theirs."""
    root: Any = get_command(app)
    parts = [
        "# Command line",
        f"{prose(root.help)} `{_NAME} COMMAND --help` says the same in the terminal.",
        _ENDS,
        block(f"{_NAME} --version", "sh"),
        *_commands(root, _NAME),
    ]
    return "\n\n".join(parts) + "\n"


def options_of(name: str) -> set[str]:
    """Return the options of a command, with their dashes."""
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
    name, told = record[0], record[1].replace("\\[", "[")
    more: list[str] = []
    while found := re.search(r"(?:^|\s+)\[((?:[^\[\]]|\[[^\]]*\])*)\]$", told):
        more.insert(0, found[1].removeprefix("default: "))
        told = told[: found.start()]
    return code(" ".join(name.split())), prose(told), prose(", ".join(more))
