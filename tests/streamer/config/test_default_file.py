"""The default file config.toml documents every key with its default."""

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from streamer.config import Config, default_text, load, schema

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "config.toml").read_text(encoding="utf-8")
COMMENTED_KEY = re.compile(r"^# ([a-z_]+ = )", re.MULTILINE)


def test_its_values_are_the_defaults():
    assert Config.model_validate(tomllib.loads(TEXT)) == Config()


def test_loading_it_gives_the_defaults(tmp_path):
    empty = tmp_path / "empty.toml"
    empty.touch()
    with_file = load({}, config_path=ROOT / "config.toml", environ={})
    assert with_file == load({}, config_path=empty, environ={}) == Config()


def test_it_has_every_key_and_no_other():
    content = tomllib.loads(COMMENTED_KEY.sub(r"\1", TEXT))
    Config.model_validate(content)

    def keys(node, path=()):
        for name, value in node.items():
            below = [value] if isinstance(value, dict) else value
            if isinstance(below, list) and below and isinstance(below[0], dict):
                yield from keys(below[0], (*path, name, *((0,) if value is below else ())))
            else:
                yield (*path, name)

    assert sorted(keys(content)) == sorted(schema.iter_keys())


def test_a_key_without_a_default_is_commented_out():
    without = {"model", "digest", "node", "base_topic", "user", "password", "password_file"}
    without |= {"listen", "token", "token_file", "url"}
    files = {"ca_file", "cert_file", "key_file", "calibration", "show", "folder"}
    assert {name.split()[0] for name in COMMENTED_KEY.findall(TEXT)} == without | files


def test_every_key_and_table_has_a_comment_above_it():
    lines = TEXT.splitlines()
    for above, line in itertools.pairwise(lines):
        if re.match(r"(# )?[a-z_]+ = |\[", line):
            assert above.startswith("# "), line


@pytest.mark.parametrize(
    "path", list(schema.iter_keys()), ids=lambda path: ".".join(map(str, path))
)
def test_the_comment_names_every_choice(path):
    node = schema.find_node(path)
    name, comment = path[-1], []
    tables = re.split(r"^\[+", TEXT, flags=re.MULTILINE)
    heading = ".".join(step for step in path[:-1] if isinstance(step, str))
    (table,) = (text for text in tables if re.match(rf"{re.escape(heading)}\]", text))
    for line in table.splitlines():
        if re.match(rf"(# )?{name} = ", line):
            break
        comment = [*comment, line] if line.startswith("#") else []
    for choice in node.get("enum", ()):
        assert f'"{choice}"' in " ".join(comment)


def test_the_package_contains_it():
    assert default_text() == TEXT
