"""`streamer devices`: list the audio inputs, as a table or JSON."""

import json

import pytest

pytestmark = pytest.mark.peer


def test_each_device_is_a_row_and_the_default_is_marked(streamer, pulse):
    answer = streamer("devices")
    assert answer.code == 0
    rows = [line.split() for line in answer.out.splitlines()]
    assert rows[0] == ["index", "name", "host", "API", "channels", "Hz", "latency"]
    assert ["1", "alpha", "ALSA", "32", "44100"] in [row[:5] for row in rows]
    assert [row[2] for row in rows[1:-1] if row[0] == "*"] == ["default"]


def test_json_output_lists_devices_with_host_api(streamer, pulse):
    printed = json.loads(streamer("devices", "--json").out)
    assert printed["portaudio"].startswith("PortAudio")
    names = [device["name"] for device in printed["devices"]]
    assert {"alpha", "beta"} <= set(names)
    assert printed["devices"][names.index("alpha")]["host_api"] == "ALSA"


def test_without_a_device_the_output_names_the_remedy(streamer, pulse):
    pulse.stop()
    answer = streamer("devices")
    assert answer.code == 0
    assert "No microphone. Plug one in" in answer.out
    assert json.loads(streamer("devices", "--json").out)["devices"] == []
