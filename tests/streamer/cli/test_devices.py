"""`streamer devices`."""

import json

import pytest

pytestmark = pytest.mark.peer


def test_each_is_a_row_and_the_default_one_is_marked(streamer, pulse):
    answer = streamer("devices")
    assert answer.code == 0
    rows = [line.split() for line in answer.out.splitlines()]
    assert rows[0] == ["index", "name", "host", "API", "channels", "Hz", "latency"]
    assert ["1", "alpha", "ALSA", "32", "44100"] in [row[:5] for row in rows]
    assert [row[2] for row in rows[1:-1] if row[0] == "*"] == ["default"]


def test_as_json(streamer, pulse):
    told = json.loads(streamer("devices", "--json").out)
    assert told["portaudio"].startswith("PortAudio")
    names = [device["name"] for device in told["devices"]]
    assert {"alpha", "beta"} <= set(names)
    assert told["devices"][names.index("alpha")]["host_api"] == "ALSA"


def test_where_there_is_none_it_says_what_to_do(streamer, pulse):
    pulse.stop()
    answer = streamer("devices")
    assert answer.code == 0
    assert "No microphone. Plug one in" in answer.out
    assert json.loads(streamer("devices", "--json").out)["devices"] == []
