"""Every configuration error is one line with the cause and the remedy."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.config import Config, ConfigError, files, load
from streamer.errors import StreamerError


@pytest.fixture(autouse=True)
def _nothing_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "SYSTEM_FILE", tmp_path / "etc.toml")


def error_of(text: str | bytes = "", environ=None, options=None) -> str:
    with open("c.toml", "wb") as file:  # noqa: PTH123
        file.write(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(options or {}, config_path=files.Path("c.toml"), environ=environ or {})
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert caught.value.exit_code == 2
    return message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tracking]\nrte = 5", 'there is no key "rte" in [tracking]; did you mean "rate"?'),
        ("[traking]\nrate = 5", 'there is no key "traking"; did you mean "tracking"?'),
        ("rate = 5", 'there is no key "rate"; did you mean "rate" in [tracking]?'),
        (
            "[[zones]]\nbroker = 'auto'",
            'there is no key "broker" in [[zones]]; did you mean "broker" in [mqtt]?',
        ),
        (
            "[[zones]]\nid = 'a'\n[[zones]]\nid = 'b'\nraw.rte = 1",
            'there is no key "rte" in [zones.raw] (zone 2 in the file); did you mean "rate"?',
        ),
        (
            "[engine]\nxyz = 1",
            'there is no key "xyz" in [engine]; it has backend, require, model, digest, remote',
        ),
        (
            '"a\\nb" = 1',
            (
                'there is no key "a\\nb"; it has zones, tracking, engine, mqtt, home_assistant, '
                "lights, record, metrics, dashboard, service, log"
            ),
        ),
    ],
)
def test_an_unknown_key_is_reported_with_file_table_and_the_closest_known_one(text, message):
    assert error_of(text) == f"c.toml: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "tracking.rate = 50",
            "[tracking] rate = 50 is invalid: it must be a number from 0.1 to 20",
        ),
        ("tracking.rate = nan", "[tracking] rate = NaN is invalid"),
        ("tracking.rate = 'ten'", '[tracking] rate = "ten" is invalid: it must be a number'),
        ("mqtt.keepalive = 1.5", "it must be a whole number from 1 to 600"),
        ("mqtt.health_interval = inf", "[mqtt] health_interval = Infinity is invalid"),
        ("tracking.on_silence = 'x'", 'it must be one of "decay", "hold"'),
        ("tracking = 3", "tracking = 3 is invalid: it must be a table"),
        ("[zones]\nid = 'a'", "it must be a list of tables, each headed [[zones]]"),
        ("zones = []", "zones = [] is invalid: it must be a list of tables"),
        ("zones = [1]", "[[zones]]: it must be a table"),
        ("[[zones]]\nid = 'The Bar'", "lower-case letters, digits and single hyphens"),
        ("[[zones]]\ninput = ''", "it must be text that is not empty"),
        ("[[zones]]\nloop = 'maybe'", "it must be true or false"),
        ("[[zones]]\nchannels = [1, 0]", "each a whole number from 1 to 64"),
        ("[[zones]]\n[[zones]]", "two zones have the same id; give each its own"),
        ("mqtt.base_topic = 'a/#'", "a base topic has no '+' or '#'"),
        ("mqtt.base_topic = '" + "a" * 2000 + "'", "it must be text, at most 1000 characters"),
        ('mqtt.base_topic = "a\\nb"', "no control character"),
        ('mqtt.ca_file = "a\\u0000b"', "a path holds no NUL character"),
        ('mqtt.password = "' + 70000 * "x" + '"', "it must have at most 65535 bytes"),
        ("[mqtt.broker]\npassword = 'canary'", "broker = (a table) is invalid"),
        ("zones = {url = 'x', password = 'canary'}", "zones = (a table) is invalid"),
        ("engine.model = 3", "[engine] model = 3 is invalid: it must be a path"),
        ("log.level = 2020-01-01", 'it must be one of "debug", "info"'),
    ],
)
def test_an_invalid_value_is_reported_with_key_value_and_what_is_allowed(text, message):
    error = error_of(text)
    assert error.startswith("c.toml: ")
    assert message in error


def test_contradicting_values_are_both_named():
    text = "[engine.remote]\nurl = 'http://gpu'\ndeadline_ms = {}"
    assert error_of(text.format(100)).startswith(
        "c.toml: [engine.remote] deadline_ms is 100, but at [tracking] rate 10 an estimate is due"
    )
    error = error_of(text.format(60), options={"rate": 20.0, "node": "a"})
    assert error.startswith("[engine.remote] deadline_ms is 60, but at [tracking] rate 20")


def test_a_long_value_is_truncated():
    assert len(error_of(f"[[zones]]\nid = '{'A' * 5000}'")) < 300


def test_a_very_long_key_is_rejected_in_linear_time():
    started = time.process_time()
    assert len(error_of(f"{'x' * 900_000} = 1")) < 300
    assert time.process_time() - started < 2


def test_a_number_that_python_cannot_format_is_reported():
    error = error_of(f"[mqtt]\nport = 0x{'f' * 5000}")
    assert "port = a number of thousands of digits is invalid: it must be a whole" in error


@pytest.mark.parametrize("key", ["x" * 50_000, '"' + "é" * 300 + '"', "a." * 19 + "a"])
def test_a_parser_message_is_truncated(key):
    assert len(error_of(f"{key}.a = 1\n{key}.a = {{}}\n{key} = 1")) < 400


@pytest.mark.parametrize(
    "text", [".".join("a" * 400_000) + " = 1", f"[{'.'.join('a' * 30)}]\n" * 9]
)
def test_a_key_of_many_parts_is_rejected_in_linear_time(text):
    started = time.process_time()
    assert error_of(text).endswith("not valid TOML: a key has more than 20 parts")
    assert time.process_time() - started < 2


def test_text_with_many_dots_is_not_taken_for_a_key():
    name = ".".join("abcdefghijklmnopqrst")
    files.Path("c.toml").write_text(f"# {name}\n[[zones]]\ninput = '{name}.wav'\n")
    assert load({}, config_path=files.Path("c.toml"), environ={}).zones[0].input == f"{name}.wav"


def test_an_endless_file_is_rejected():
    with pytest.raises(
        ConfigError, match="/dev/zero: cannot read the configuration: it has more than 1000000 b"
    ):
        load({}, config_path=files.Path("/dev/zero"), environ={})


def test_file_names_are_escaped_and_truncated():
    with pytest.raises(ConfigError) as caught:
        load({}, config_path=files.Path("a\n\x1b[2Jb.toml"), environ={})
    assert str(caught.value).startswith("a\\u000a\\u001b[2Jb.toml: there is no such")
    assert len(error_of(environ={"STREAMER_\x1b" + "X" * 5000: "1"})) < 400


def test_a_malformed_url_does_not_reveal_its_password():
    assert "canary" not in error_of("mqtt.port = 'mqtt:/me:canary@host'")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[tracking]\nrate = \nlog.level = 1", "c.toml:2:8: not valid TOML: "),
        ("a = 1\na = 2\n", "c.toml:2:6: not valid TOML: "),
        ("a = [\n", "c.toml:1: not valid TOML: "),
        ("a = " + "[" * 5000, "c.toml: not valid TOML: nested too deeply"),
        ("a = " + "9" * 5000, "c.toml:1: not valid TOML: "),
        (b"# a\n\xe9 = 1", "c.toml:2: this is not UTF-8"),
        ("tracking.rate = 5".encode("utf-16"), "c.toml:1: this is not UTF-8"),
    ],
)
def test_invalid_toml_is_reported_with_its_line(text, where):
    assert error_of(text).startswith(where)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.toml", "missing.toml: there is no such configuration file"),
        ("missing/c.toml", "missing/c.toml: there is no such configuration file"),
        (".", ".: cannot read the configuration: "),
        ("a\0b", "cannot read the configuration: "),
    ],
)
def test_an_unreadable_file_is_named(path, message):
    with pytest.raises(ConfigError) as caught:
        load({}, config_path=files.Path(path), environ={})
    assert message in str(caught.value)
    if "\0" not in path:
        with pytest.raises(ConfigError):
            load({}, config_path=None, environ={"STREAMER_CONFIG": path})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("STREAMER_MQTT_BROKER", "no such setting; did you mean STREAMER_MQTT__BROKER?"),
        ("STREAMER_TRACKING__RTE", "no such setting; did you mean STREAMER_TRACKING__RATE?"),
        ("STREAMER_ZONES__INPUT", "no such setting; did you mean STREAMER_ZONES__0__INPUT?"),
        ("STREAMER_BROKER", "no such setting; did you mean STREAMER_MQTT__BROKER?"),
        ("STREAMER_QQQQ", "no such setting; see `streamer config`"),
        ("STREAMER_", "no such setting; see `streamer config`"),
        ("STREAMER_ZONES", "cannot be set as a whole; the name of a key is STREAMER_ZONES__0__ID"),
        ("STREAMER_ZONES__0__RAW", "the name of a key is STREAMER_ZONES__0__RAW__FORMAT"),
        ("STREAMER_ZONES__0__CHANNELS__0", "the name of a key is STREAMER_ZONES__0__CHANNELS"),
        ("STREAMER_ZONES__7__INPUT", "zone 7 does not follow the last, which is zone 0"),
        ("STREAMER_TRACKING__RATE", '"x" is invalid: it must be a number from 0.1 to 20'),
        ("STREAMER_ZONES__1__INPUT", '"x" is invalid: two zones have the same id'),
    ],
)
def test_an_invalid_variable_is_reported(name, message):
    error = error_of(environ={name: "x"})
    assert error.startswith(f"{name}: ")
    assert message in error


def test_a_variable_that_is_not_utf8_is_reported():
    environ = {"STREAMER_ZONES__0__INPUT": "caf\udce9.wav"}
    assert "it must be text in UTF-8" in error_of(environ=environ)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("rate", 50, "--rate: 50 is invalid: it must be a number from 0.1 to 20"),
        ("channels", "3,x", '--channels: "3,x" is invalid: it must be a list, each a whole'),
        ("log", "xml", '--log: "xml" is invalid: it must be one of "console", "json"'),
    ],
)
def test_an_invalid_option_is_reported(option, value, message):
    assert message in error_of(options={option: value})


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=st.binary(max_size=60) | st.text("[]=.\"'#\n zonesratid01{},-", max_size=60))
def test_any_file_content_gives_a_configuration_or_a_one_line_error(content):
    file = files.Path("any.toml")
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    try:
        outcome = load({}, config_path=file, environ={})
    except StreamerError as error:
        outcome = error
    assert isinstance(outcome, Config) or len(str(outcome).splitlines()) == 1
