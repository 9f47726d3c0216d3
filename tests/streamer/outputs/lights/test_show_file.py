"""Show files: defaults, and a one-line error for each mistake."""

import math

import pytest

from streamer.errors import ConfigError
from streamer.outputs.lights import example_text, load_show

BASE = """
[palettes.stage]
anchors = [{ valence = 0, arousal = 0, color = "orange" }]
[[outputs]]
name = "stage"
protocol = "sacn"
"""
FIXTURE = """
[[fixtures]]
name = "wash left"
type = "rgbw"
output = "stage"
universe = 1
address = 10
palette = "stage"
"""
SECOND = FIXTURE.replace("left", "right").replace("address = 10", "address = 20")
OSC = """
[[outputs]]
name = "visuals"
protocol = "osc"
host = "127.0.0.1"
port = 9000
messages = [{ address = "/v", value = "valence" }, { address = "/a", value = "arousal" }]
"""
ARTNET = '[[outputs]]\nname = "node"\nprotocol = "artnet"\nhost = "10.0.0.9"\n'


FIXTURES = {
    'type = "rgbww"': ': there is no type "rgbww"; did you mean "rgbw"?',
    'output = "stange"': ': there is no output "stange"; did you mean "stage"?',
    'palette = "xyz"': ': there is no palette "xyz"; there is stage',
    "": ': a fixture of type "rgbw" needs a palette = "NAME"',
    "address = 510": ": from 510 it ends at 513, beyond 512",
    "address = 0": " address = 0: it must be greater than or equal to 1",
    "adress = 20": ' there is no key "adress"; did you mean "address"?',
    "universe = 0": ": universe 0 does not exist in sacn, where they are from 1 to 63999",
    "universe = 64000": " universe = 64000: it must be less than or equal to 63999",
    'universe = "one"': ' universe = "one": it must be a valid integer',
    'name = "wash left"': ": fixture 1 has this name too; give each its own",
    'curve = "linaer"': "it must be 'linear' or 'srgb'; did you mean \"linear\"?",
    "intensity = [0.5]": " intensity = [0.5]: value 2 is missing",
    "intensity = [0, 1, 1]": "",
    "intensity = [0, 2]": " intensity = 2: it must be less than or equal to 1",
    "minimum = 0.5\nmaximum = 0.4": ": minimum 0.5 is above maximum 0.4",
    "attack = nan": " attack = NaN: it must be",
    "release = -1": " release = -1: it must be greater than or equal to 0",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"fixtures = [{{universe = [0x{'f' * 5000}]}}]", "a number of thousands of digits"),
        (".".join("a" * 300_000) + " = 1", "not valid TOML: a key has more than 20 parts"),
        (f"{'x' * 50_000} = 1\n" * 2, "not valid TOML: "),
        (BASE + OSC.replace("/v", "/{zo\ufeffne}"), "it has no field {zo\\ufeffne}; there are"),
    ],
)
def test_any_content_gives_one_short_printable_line(tmp_path, text, expected):
    path = tmp_path / "show.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_show(path)
    assert expected in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(("line", "expected"), FIXTURES.items())
def test_a_mistake_in_a_fixture_names_it(load, line, expected):
    key = line.partition(" ")[0].replace("adress", "address") or "palette"
    second = "".join(each for each in SECOND.splitlines(True) if not each.startswith(key))
    message = mistake(load, FIXTURE + second + line)
    assert f"show.toml: [[fixtures]] (fixture 2, {message.split('2, ')[1][:12]}" in message
    assert expected in message


def test_overlapping_channels_name_both_fixtures(load):
    assert mistake(load, FIXTURE + SECOND.replace("= 20", "= 12")).endswith(
        '[[fixtures]] "wash left" (channels 10-13) and "wash right" (channels 12-15) overlap in '
        'universe 1 of output "stage"; give one another address'
    )
    load(FIXTURE + SECOND.replace("= 20", "= 14"))
    load(FIXTURE + SECOND.replace("= 20", "= 12").replace("universe = 1", "universe = 2"))


def one(**anchor):
    values = {"valence": 0, "arousal": 0, "color": "red"} | anchor
    return "{" + ", ".join(f"{key} = {value!r}" for key, value in values.items()) + "}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[types.spot]\nchannels = ["redd"]',
            '[types.spot] channels = "redd": there is no channel',
        ),
        ("[types.spot]\nchannels = [256]", "channels = 256: a constant channel is a whole number"),
        ("[types.spot]\nchannels = []", "[types.spot] channels = []: it must not be empty"),
        ('[types.rgb]\nchannels = ["red"]', "[types.rgb]: this type is built in"),
        (
            f"[palettes.odd]\nanchors = [{one(color='oranje')}]",
            'anchor 1 color = "oranje": it must',
        ),
        (
            f"[palettes.odd]\nanchors = [{one(arousal=2)}]",
            "[palettes.odd] anchor 1 arousal = 2: it",
        ),
        (f"[palettes.odd]\nanchors = [{one()}, {one(color='blue')}]", "two anchors stand at"),
        ("[palettes.odd]\nanchors = []", "[palettes.odd] anchors = []: it must not be empty"),
        ('[show]\non_lost = "hold"', '[show] there is no key "on_lost"; did you mean "on_loss"?'),
        ("[show]\nrate = 44", "[show] rate = 44: it must be less than or equal to 40"),
        ('[show]\nzone = "Main"', '[show] zone = "Main": it must be lower-case letters'),
        ("[shows]\nrate = 4", 'there is no key "shows"; did you mean "show"?'),
        ("show = 1", "show = 1: it must be a table"),
    ],
)
def test_a_mistake_in_another_table(load, text, expected):
    assert expected in mistake(load, BASE + text if text != "show = 1" else text + BASE, "")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("/v", "/v x", 'message 1 address = "/v x": an OSC address has none of these: space'),
        ("/v", "/v#", "an OSC address has none of these: #"),
        ("/v", "/{zoen}/v", "it has no field {zoen}; there are {zone} and {node}"),
        ("/v", "/{zone", "its braces do not match"),
        ("/v", "v", 'an OSC address is "/" and a name'),
        ('"arousal"', '"arousl"', 'message 2 value = "arousl": it must be'),
        ('"arousal"', '"color"', "message 2: a color needs a palette"),
        ('"arousal"', '"color", palette = "stag"', 'no palette "stag"; did you mean "stage"?'),
        ("9000", "0", "port = 0: it must be greater than or equal to 1"),
    ],
)
def test_a_mistake_in_osc_messages(load, old, new, expected):
    message = mistake(load, OSC.replace(old, new))
    assert '[[outputs]] (output 2, "visuals")' in message
    assert expected in message


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('host = "10.0.0.9"', "", '(output 2, "node"): give host'),
        ('"artnet"', '"artnett"', 'protocol = "artnett": it must be'),
        ('protocol = "artnet"', "", '(output 2, "node") give protocol = "sacn", "artnet" or "osc"'),
        ("host", "priority = 90\nhost", 'there is no key "priority"; there are name, delay'),
        ("host", "delay = 31\nhost", "delay = 31: it must be less than or equal to 30"),
        ("node", "stage", "output 1 has this name too"),
    ],
)
def test_a_mistake_in_an_output(load, old, new, expected):
    assert expected in mistake(load, ARTNET.replace(old, new))


def test_fixtures_need_a_dmx_output_and_a_universe_of_its_protocol(load):
    far = FIXTURE.replace("universe = 1", "universe = 32768").replace('= "stage"\nu', '= "node"\nu')
    assert "does not exist in artnet, where they are from 0 to 32767" in mistake(load, ARTNET + far)
    on_osc = FIXTURE.replace('output = "stage"', 'output = "visuals"')
    assert 'the output "visuals" uses OSC, which has no channels' in mistake(load, OSC + on_osc)


def mistake(load, text, base=BASE):
    """Return the error message of an invalid show."""
    with pytest.raises(ConfigError) as raised:
        load(text, base)
    message = str(raised.value)
    assert "show.toml: " in message
    assert "\n" not in message
    assert len(message) < 400
    return message


def test_a_show_needs_an_output(load):
    with pytest.raises(ConfigError, match=r"show.toml: \[\[outputs\]\] is missing"):
        load("", "")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[show\n", "not valid TOML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"#" * 1_000_001, "a show file has at most 1000000 bytes"),
        (b"a = " + b"[" * 5000, "nested too deeply"),
    ],
)
def test_a_file_that_is_not_a_show_is_rejected(tmp_path, content, expected):
    file = tmp_path / "show.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=expected) as raised:
        load_show(file)
    assert "\n" not in str(raised.value)


def test_a_missing_file_or_a_folder_is_rejected(tmp_path):
    with pytest.raises(ConfigError, match="no such file; create one with"):
        load_show(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot read show file"):
        load_show(tmp_path)


def test_the_example_is_valid_and_states_the_defaults(tmp_path):
    file = tmp_path / "show.toml"
    file.write_text(example_text())
    show = load_show(file)
    assert [fixture.universe for fixture in show.fixtures] == [1] * 4
    assert show.settings == type(show.settings)()
    assert show.settings.hold_time == math.inf
    assert {output.protocol for output in show.outputs} == {"sacn", "osc"}


def test_every_key_has_a_description(load):
    def tables(schema):
        yield schema
        yield from schema.get("$defs", {}).values()

    for table in tables(type(load("")).model_json_schema()):
        for name, key in table.get("properties", {}).items():
            assert key.get("description"), name
