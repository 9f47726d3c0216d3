"""What other programs rely on: message fields, configuration keys, option names.

`python tests/streamer/test_contracts.py` writes the snapshot anew; a change of it is a change of a
public contract and belongs into CHANGELOG.md.
"""

import json
from pathlib import Path
from typing import Any

import typer

from streamer.cli.app import app
from streamer.config import Config
from streamer.mqtt import json_schemas

SNAPSHOT = Path(__file__).with_name("contracts.json")


def without_prose(schema: Any) -> Any:
    """Return a JSON Schema without the words that only people read."""
    if isinstance(schema, dict):
        return {
            key: without_prose(value)
            for key, value in schema.items()
            if key not in ("description", "title") or not isinstance(value, str)
        }
    return [without_prose(each) for each in schema] if isinstance(schema, list) else schema


def option_names() -> dict[str, list[str]]:
    """Return the options and arguments of each command."""
    found: dict[str, list[str]] = {}

    def visit(command: Any, path: str) -> None:
        names = [name for each in command.params for name in (*each.opts, *each.secondary_opts)]
        found[path] = sorted(names)
        for name, child in getattr(command, "commands", {}).items():
            visit(child, f"{path} {name}")

    visit(typer.main.get_command(app), "streamer")
    return found


def contracts() -> dict[str, Any]:
    return {
        "messages": without_prose(json_schemas()),
        "configuration": without_prose(Config.model_json_schema()),
        "options": option_names(),
    }


def test_messages_configuration_and_options_are_those_of_the_snapshot():
    assert contracts() == json.loads(SNAPSHOT.read_text())


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(contracts(), indent=1, sort_keys=True) + "\n")
