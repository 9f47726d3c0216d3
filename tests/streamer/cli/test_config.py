"""`streamer config`: list every setting with value and origin; check files; print the schema."""

import json
import tomllib

import jsonschema
import pytest

from streamer.config import Config
from streamer.config.models import Remote

SECRET = "XYZZY-canary"  # noqa: S105


def rows(answer):
    """Return {key: (value, origin)} of the printed table."""
    lines = answer.out.splitlines()[3:]
    cells = [line.split(None, 1) for line in lines]
    return {key: tuple(part.strip() for part in rest.rsplit("  ", 1)) for key, rest in cells}


@pytest.fixture
def file(away):
    def write(text, name="config.toml"):
        path = away / name
        path.write_text(text)
        return path

    return write


class TestTable:
    def test_without_a_file_all_values_are_defaults_and_the_search_paths_are_listed(
        self, streamer, away
    ):
        answer = streamer("config")
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.startswith("No configuration file; looked for ")
        assert str(away / "config.toml") in answer.out
        assert rows(answer)["tracking.rate"] == ("10.0", "default")
        assert rows(answer)["engine.model"] == ("not set", "default")
        assert {origin for _, origin in rows(answer).values()} == {"default"}

    def test_origins_are_the_file_and_the_variable(self, streamer, file, monkeypatch):
        path = file('[tracking]\nrate = 5\n[[zones]]\nid = "stage"\n')
        monkeypatch.setenv("STREAMER_TRACKING__SMOOTHER", "none")
        answer = streamer("config")
        assert str(path) in answer.out.splitlines()[0]
        assert rows(answer)["tracking.rate"] == ("5.0", "config.toml")
        assert rows(answer)["zones.0.id"] == ('"stage"', "config.toml")
        assert rows(answer)["tracking.smoother"] == ('"none"', "STREAMER_TRACKING__SMOOTHER")

    def test_a_given_file_is_read(self, streamer, file):
        path = file("[tracking]\nrate = 5\n", "show.toml")
        answer = streamer("config", "--config", path)
        assert rows(answer)["tracking.rate"] == ("5.0", str(path))

    def test_every_key_is_listed(self, streamer):
        listed = {key.replace("zones.0.", "") for key in rows(streamer("config"))}
        for table in ("Tracking", "Engine", "Mqtt", "Log"):
            model = Config.model_fields[table.lower()].annotation
            keys = {f"{table.lower()}.{name}" for name in model.model_fields} - {"engine.remote"}
            assert keys <= listed
        assert {f"engine.remote.{name}" for name in Remote.model_fields} <= listed
        assert {"id", "input", "device", "channels", "loop", "raw.rate"} <= listed

    def test_control_characters_are_escaped(self, streamer, file):
        file('[[zones]]\ninput = "a\\u001b[31mb"\n')
        assert "\x1b[31m" not in streamer("config").out


def test_json_output_has_values_and_origins(streamer, file):
    path = file("[tracking]\nrate = 5\n")
    answer = streamer("config", "--json", "--config", path)
    printed = json.loads(answer.out)
    assert printed["file"] == str(path)
    assert printed["settings"]["tracking.rate"] == {"value": 5.0, "origin": str(path)}
    assert printed["settings"]["mqtt.node"] == {"value": None, "origin": "default"}


class TestSecrets:
    @pytest.mark.parametrize("form", [[], ["--json"]])
    def test_secrets_are_not_printed(self, streamer, file, monkeypatch, form):
        file(
            f'[mqtt]\nuser = "a"\npassword = "{SECRET}"\n'
            f'[[zones]]\ninput = "http://stage:{SECRET}@radio.lan/live?token={SECRET}"\n'
        )
        answer = streamer("config", *form)
        assert answer.code == 0
        assert SECRET not in answer.out + answer.err
        assert "http://radio.lan/live" in answer.out
        assert "**********" in answer.out

    def test_secrets_are_not_printed_in_errors(self, streamer, file):
        path = file(f'[mqtt]\npassword = ["{SECRET}"]\n')
        answer = streamer("config", "--check", path)
        assert answer.code == 2
        assert "password" in answer.err
        assert SECRET not in answer.err


class TestCheck:
    def test_a_valid_file_is_reported_as_valid(self, streamer, file, monkeypatch):
        monkeypatch.setenv("STREAMER_TRACKING__RATE", "quick")  # ignored by --check
        path = file('[tracking]\nsmoother = "none"\n', "show.toml")
        answer = streamer("config", "--check", path)
        assert (answer.code, answer.out, answer.err) == (0, f"{path} is valid\n", "")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("[tracking]\nrate = 90\n", "rate = 90 is invalid"),
            ("[tracking]\nrat = 5\n", 'did you mean "rate"?'),
            ("tracking rate\n", ":1:10: not valid TOML"),
            ('[mqtt]\nbroker = "localhost"\n', "has no scheme: write mqtt://HOST[:PORT]"),
            ('[[zones]]\ninput = "ftp://host/x"\n', "ftp streams are not supported"),
        ],
    )
    def test_an_invalid_file_is_reported_on_one_line(self, streamer, file, text, expected):
        path = file(text, "show.toml")
        answer = streamer("config", "--check", path)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.count("\n") == 1
        assert expected in answer.err
        assert str(path) in answer.err

    def test_a_missing_file_is_reported(self, streamer, away):
        answer = streamer("config", "--check", away / "gone.toml")
        assert answer.code == 2
        assert "there is no such configuration file" in answer.err


def test_the_schema_accepts_the_default_file_and_rejects_errors(streamer):
    schema = json.loads(streamer("config", "--schema").out)
    default = tomllib.loads(streamer("config", "--default").out)
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    assert validator(schema).is_valid(default)
    assert not validator(schema).is_valid({"tracking": {"rate": 90}})
    assert not validator(schema).is_valid({"tracking": {"rat": 5}})
    assert "description" in schema["$defs"]["Mqtt"]["properties"]["broker"]


def test_the_default_file_is_valid_and_contains_the_defaults(streamer, file):
    path = file(streamer("config", "--default").out, "default.toml")
    answer = streamer("config", "--check", path)
    assert answer.code == 0
    from_file = json.loads(streamer("config", "--json", "--config", path).out)["settings"]
    defaults = json.loads(streamer("config", "--json").out)["settings"]
    assert {key: item["value"] for key, item in from_file.items()} == {
        key: item["value"] for key, item in defaults.items()
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "--schema"],
        ["--schema", "--default"],
        ["--check", "a.toml", "--json"],
        ["--config", "a.toml", "--check", "b.toml"],
        ["--config", "a.toml", "--schema"],
    ],
)
def test_contradicting_options_are_rejected(streamer, arguments):
    answer = streamer("config", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("\n") == 1
