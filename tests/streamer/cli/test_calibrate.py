"""`streamer calibrate` with a real microphone."""

import json

import numpy as np
import pytest

from tests.support.pulseaudio import MicrophonePlayer

pytestmark = pytest.mark.peer


def music(first, last):
    """Return a tone of -38 dBFS, 20 dB below typical recordings."""
    tone = np.sin(2 * np.pi * 440 / 48000 * np.arange(first, last))
    return (tone * 32768 * 2**0.5 * 10 ** (-38 / 20)).astype(np.int16)


@pytest.mark.long
def test_the_level_of_a_microphone_is_measured_stored_and_deleted(streamer, pulse, away):
    pulse.plug_in("alpha")
    player = MicrophonePlayer(pulse.pipe("alpha"), music)
    options = ("--input", "mic", "--device", "alpha", "--zone", "stage")
    answer = streamer("calibrate", *options, "--seconds", 10)
    player.end()
    assert answer.code == 0, answer.err
    assert "now play music at the volume of the event" in answer.out
    assert "stored for the zone stage in" in answer.out
    file = away / "state" / "streamer" / "calibration.json"
    stored = json.loads(file.read_text())["stage"]
    assert stored["gain_db"] == pytest.approx(20, abs=0.5)
    assert (stored["input"], stored["device"], stored["channels"]) == ("mic", "alpha", [])
    answer = streamer("calibrate", *options, "--forget")
    assert answer.out == "the zone stage has no calibration now\n"
    assert json.loads(file.read_text()) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--reference", "gone.wav", "--input", "demo"],
            "cannot open gone.wav: it does not exist; give the path of an audio file",
        ),
        (["--seconds", "3"], "Invalid value"),
        (["--zone", "attic"], "give --zone with one of stage, bar"),
    ],
)
def test_invalid_options_are_a_one_line_error(streamer, away, options, message):
    (away / "config.toml").write_text('[[zones]]\nid = "stage"\n[[zones]]\nid = "bar"\n')
    if "--input" in options:
        (away / "config.toml").unlink()
    answer = streamer("calibrate", *options)
    assert answer.code in (1, 2)
    assert message in answer.err
