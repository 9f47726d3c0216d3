"""Precedence and origin of settings: options, environment, file, defaults."""

from pathlib import Path

import pytest

from streamer.config import OPTIONS, Config, files, load, load_with_origins, schema
from streamer.errors import ConfigError, UsageError

TWO_ZONES = '[[zones]]\nid = "hall"\n[[zones]]\nid = "bar"\n'


@pytest.fixture(autouse=True)
def _nothing_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "SYSTEM_FILE", tmp_path / "etc" / "config.toml")


def write(path: str, text: str) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def loaded(options=None, environ=None, file=None) -> Config:
    return load(options or {}, config_path=file, environ=environ or {})


def test_without_settings_the_defaults_apply():
    assert loaded() == Config()


def test_options_override_environment_overrides_file_overrides_defaults():
    file = write("c.toml", "[tracking]\nrate = 2\n")
    environ = {"STREAMER_TRACKING__RATE": "3"}
    assert loaded().tracking.rate == 10
    assert loaded(file=file).tracking.rate == 2
    assert loaded(file=file, environ=environ).tracking.rate == 3
    assert loaded({"rate": 4.0}, environ, file).tracking.rate == 4


def test_an_option_that_is_none_is_ignored():
    assert loaded({"rate": None, "input": None}) == Config()


def test_option_names_may_have_underscores():
    assert loaded({"raw_rate": 8000}).zones[0].raw.rate == 8000


def test_every_option_sets_a_key_that_exists():
    assert set(OPTIONS.values()) <= set(schema.iter_keys())


def test_options_of_a_zone_change_the_only_zone():
    file = write("c.toml", '[[zones]]\nid = "hall"\nloop = true\n')
    (zone,) = loaded({"input": "a.wav", "channels": "3, 4"}, file=file).zones
    assert (zone.id, zone.input, zone.channels, zone.loop) == ("hall", "a.wav", (3, 4), True)


def test_options_of_a_zone_are_rejected_with_several_zones():
    file = write("c.toml", TWO_ZONES)
    with pytest.raises(UsageError, match=r"^--input is for one zone, but c.toml has 2 \(hall, bar"):
        loaded({"input": "a.wav"}, file=file)
    assert loaded({"rate": 5}, file=file).tracking.rate == 5


class TestEnvironment:
    def test_sets_a_key_of_a_zone_by_its_index(self):
        environ = {"STREAMER_ZONES__1__INPUT": "a.wav"}
        config = loaded(environ=environ, file=write("c.toml", TWO_ZONES))
        assert [zone.input for zone in config.zones] == ["demo", "a.wav"]

    def test_adds_a_zone_after_the_last(self):
        config = loaded(environ={"STREAMER_ZONES__1__ID": "bar"})
        assert [zone.id for zone in config.zones] == ["main", "bar"]

    def test_lists_are_written_with_commas_or_in_brackets(self):
        for text in ("3,4", "[3, 4]"):
            zone = loaded(environ={"STREAMER_ZONES__0__CHANNELS": text}).zones[0]
            assert zone.channels == (3, 4)

    def test_ignores_an_empty_variable(self):
        assert loaded(environ={"STREAMER_MQTT__NODE": ""}) == Config()

    def test_ignores_variables_of_other_programs(self):
        assert loaded(environ={"STREAM": "1", "MQTT__BROKER": "x"}) == Config()

    def test_ignores_kubernetes_variables_of_a_service_named_streamer(self):
        environ = {
            "STREAMER_SERVICE_HOST": "10.0.0.1",
            "STREAMER_SERVICE_PORT_MQTT": "1883",
            "STREAMER_PORT": "tcp://10.0.0.1:1883",
            "STREAMER_PORT_1883_TCP_ADDR": "10.0.0.1",
        }
        assert loaded(environ=environ) == Config()

    def test_rejects_a_misspelt_key_that_ends_like_one_of_those(self):
        with pytest.raises(
            ConfigError, match=r"STREAMER_MQTT_PORT: .*did you mean STREAMER_MQTT__"
        ):
            loaded(environ={"STREAMER_MQTT_PORT": "1999"})

    def test_rejects_a_password_that_is_not_utf8_without_showing_it(self):
        with pytest.raises(ConfigError, match="the value is invalid: it must be text in UTF-"):
            loaded(
                environ={"STREAMER_MQTT__PASSWORD": b"p\xe4ss".decode("utf-8", "surrogateescape")}
            )

    def test_every_key_can_be_set(self):
        for path in schema.iter_keys():
            name = "STREAMER_" + "__".join(map(str, path)).upper()
            node = schema.find_node(path)
            plain = "true" if node.get("type") == "boolean" else "7"
            value = (node.get("enum") or [plain])[-1]
            value = "9000" if path[-2:] == ("raw", "rate") else value
            value = "7" * 64 if path[-1] in ("digest", "token") else value
            value = "localhost:7" if path[-1] == "listen" else value
            origins = load_with_origins({}, config_path=None, environ={name: value}).origins
            assert origins == {".".join(map(str, path)): name}


class TestFile:
    def test_the_nearest_one_is_read(self):
        home = {"HOME": str(Path("home").absolute())}
        write("etc/config.toml", "[tracking]\nrate = 1\n")
        assert loaded(environ=home).tracking.rate == 1
        write("home/.config/streamer/config.toml", "[tracking]\nrate = 2\n")
        assert loaded(environ=home).tracking.rate == 2
        write("config.toml", "[tracking]\nrate = 3\n")
        assert loaded(environ=home).tracking.rate == 3
        write("variable.toml", "[tracking]\nrate = 4\n")
        assert loaded(environ={**home, "STREAMER_CONFIG": "variable.toml"}).tracking.rate == 4
        option = write("option.toml", "[tracking]\nrate = 5\n")
        environ = {**home, "STREAMER_CONFIG": "variable.toml"}
        assert loaded(environ=environ, file=option).tracking.rate == 5

    def test_the_user_folder_follows_xdg_config_home(self):
        write("xdg/streamer/config.toml", "[tracking]\nrate = 6\n")
        environ = {"XDG_CONFIG_HOME": str(Path("xdg").absolute()), "HOME": "/nowhere"}
        assert loaded(environ=environ).tracking.rate == 6

    def test_may_start_with_a_byte_order_mark(self):
        file = write("c.toml", "\ufeff[tracking]\nrate = 7\n")
        assert loaded(file=file).tracking.rate == 7

    def test_its_relative_paths_are_resolved_against_its_folder(self):
        text = (
            '[[zones]]\ninput = "music/a.wav"\n[engine]\nmodel = "m.onnx"\n'
            '[engine.remote]\nca_file = "ca.pem"\n[dashboard]\ntoken_file = "token"\n'
        )
        config = loaded(file=write("etc/config.toml", text))
        assert config.zones[0].input == str(Path("etc/music/a.wav"))
        assert config.engine.model == Path("etc/m.onnx")
        assert config.engine.remote.ca_file == Path("etc/ca.pem")
        assert config.dashboard.token_file == Path("etc/token")

    def test_other_relative_paths_are_resolved_against_the_working_directory(self):
        config = loaded({"model": "m.onnx"}, {"STREAMER_ZONES__0__INPUT": "a.wav"})
        assert (config.engine.model, config.zones[0].input) == (Path("m.onnx"), "a.wav")

    @pytest.mark.parametrize("word", ["demo", "-", "https://radio.example/live", "/srv/a.wav"])
    def test_inputs_that_are_not_relative_paths_are_unchanged(self, word):
        file = write("etc/config.toml", f'[[zones]]\ninput = "{word}"\n')
        assert loaded(file=file).zones[0].input == word

    def test_a_tilde_is_expanded_to_the_home_folder(self, monkeypatch):
        monkeypatch.setenv("HOME", "/home/ann")
        monkeypatch.setenv("USERPROFILE", "/home/ann")
        file = write("etc/config.toml", '[[zones]]\ninput = "~/a.wav"\n')
        assert loaded(file=file).zones[0].input == str(Path("/home/ann/a.wav"))


def test_each_value_has_its_origin():
    file = write("c.toml", "[tracking]\nrate = 2\nsmoother = 'none'\n")
    environ = {"STREAMER_TRACKING__RATE": "3"}
    config = load_with_origins({"input": "a.wav"}, config_path=file, environ=environ)
    settings = {key: (value, origin) for key, value, origin in config.settings()}
    assert settings["zones.0.input"] == ("a.wav", "--input")
    assert settings["tracking.rate"] == (3.0, "STREAMER_TRACKING__RATE")
    assert settings["tracking.smoother"] == ("none", "c.toml")
    assert settings["zones.0.channels"] == ([], "default")
    assert set(settings) == {".".join(map(str, path)) for path in schema.iter_keys()}
