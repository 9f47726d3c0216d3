"""Test that the generated reference is complete and links are rewritten correctly."""

import json

import pytest

from docs.links import PAGES, ROOT, STANDS_FOR, outside, pictures, turned
from docs.reference import generate_files
from streamer.config import OPTIONS, schema
from streamer.config.environment import variable_name
from streamer.mqtt import commands
from streamer.mqtt.payloads import KINDS


@pytest.fixture(scope="module")
def reference():
    return generate_files()


def test_every_configuration_key_is_documented_with_its_variable(reference):
    page = reference["reference/configuration.md"]
    for path in schema.iter_keys():
        assert f"`{variable_name(path)}`" in page, path


def test_options_are_listed_with_the_keys_that_they_set(reference):
    page, commands_page = (
        reference[f"reference/{name}.md"] for name in ("configuration", "command-line")
    )
    for name in OPTIONS:
        is_documented = f"`--{name}" in commands_page or f", --{name}" in commands_page
        assert (f"`--{name}`" in page) == is_documented, name


@pytest.mark.parametrize("kind", KINDS)
def test_every_message_field_is_documented_and_the_example_is_valid(reference, kind):
    page = reference["reference/mqtt.md"]
    part = page.partition(f"## {kind} {{#{kind}}}")[2].partition("\n## ")[0]
    for name, field in KINDS[kind].model_fields.items():
        assert f"| `{name}` |" in part
        assert field.description is None or field.description.split("`")[0] in part
    example = part.partition("```json\n")[2].partition("```")[0]
    assert KINDS[kind].model_validate_json(example)
    assert json.loads(reference[f"reference/schemas/{kind}.json"])["properties"]


def test_qos_retain_and_expiry_are_those_of_the_session(reference):
    rows = {
        row.split("|")[2].strip(): [cell.strip() for cell in row.split("|")[3:6]]
        for row in reference["reference/mqtt.md"].splitlines()
        if row.startswith("| `<base>")
    }
    assert rows["[status](#status)"] == ["1", "yes", ""]
    assert rows["[va](#va)"] == ["0", "no", "after 3 s"]
    assert rows["[state](#state)"] == ["1", "yes", ""]
    assert rows["[health](#health)"] == ["0", "no", ""]
    assert rows["[ack](#ack)"] == ["0", "no", ""]


def test_every_command_is_documented_with_its_payloads(reference):
    page = reference["reference/mqtt.md"].partition("## Commands")[2]
    for name in commands.COMMAND_NAMES:
        assert f"| `{name}` | {commands.describe_payload(name)} |" in page


def test_the_reference_is_reproducible(reference):
    assert generate_files() == reference


def test_source_files_of_pages_exist():
    for source in (*PAGES, *pictures(), *STANDS_FOR):
        assert (ROOT / source.partition("#")[0]).is_file(), source


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [
        ("parts.md", "[card](../damer/weights/MODEL_CARD.md#how)", "[card](model-card.md#how)"),
        ("model-card.md", "[costs](../../benchmarks/README.md)", "[costs](benchmarks.md)"),
        (
            "benchmarks.md",
            "![peers](pictures/peers.png)",
            "![peers](pictures/benchmarks-pictures-peers.png)",
        ),
        ("reference/mqtt.md", "[lights](../lights.md#osc)", "[lights](../lights.md#osc)"),
        ("index.md", "[keys](../config.toml)", "[keys](reference/configuration.md)"),
        ("index.md", "[topics](../streamer/mqtt/payloads.py)", "[topics](reference/mqtt.md)"),
        ("index.md", "[start](../README.md#start)", "[start](index.md)"),
        ("faults.md", "in [one file](../streamer/limits.py)", "in one file (`streamer/limits.py`)"),
        ("security.md", "[`streamer/limits.py`](streamer/limits.py)", "`streamer/limits.py`"),
        ("start.md", "[to nothing](nothing.md)", "[to nothing](nothing.md)"),
        ("start.md", "[up](../nothing.md)", "[up](../nothing.md)"),
        ("start.md", "[out](https://a.example/b)", "[out](https://a.example/b)"),
        ("start.md", "`[no](../config.toml)`", "`[no](../config.toml)`"),
        ("start.md", "```\n[no](../config.toml)\n```", "```\n[no](../config.toml)\n```"),
    ],
)
def test_links_are_rewritten_for_the_site(place, before, after):
    assert turned(before, place) == after


def test_pages_of_other_folders_are_included_without_markers():
    assert "<!--" not in "".join(outside().values())
