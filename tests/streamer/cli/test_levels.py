"""`streamer levels`: show the level of each input channel."""

import numpy as np
import pytest

from tests.support.pulseaudio import MicrophonePlayer

pytestmark = pytest.mark.peer


def mixing_desk(first, last):
    """Return samples (n, 4), int16, with signal on channels 1 and 3."""
    return np.tile(np.int16([3000, 0, 300, 0]), (last - first, 1))


def test_channels_with_signal_are_listed_with_their_levels(streamer, pulse):
    pulse.plug_in("alpha", "front-left,front-right,rear-left,rear-right")
    player = MicrophonePlayer(pulse.pipe("alpha"), mixing_desk)
    answer = streamer("levels", "--device", "alpha")
    player.end()
    assert answer.code == 0
    name, *rows = answer.out.splitlines()
    assert name == "alpha, ALSA"
    levels = {int(row.split()[1]): float(row.split()[-2]) for row in rows}
    assert levels[1] == pytest.approx(20 * np.log10(3000 / 32768), abs=0.6)
    assert levels[3] == pytest.approx(20 * np.log10(300 / 32768), abs=0.6)
    assert 2 not in levels
    assert 4 not in levels


def test_the_message_for_a_silent_device_names_the_remedy(streamer, pulse):
    pulse.add_sink()
    answer = streamer("levels", "--device", "virtual_sink")
    assert answer.code == 0
    assert "nothing but zeros: unmute it, or choose another --device" in answer.out


def test_an_unknown_device_is_a_one_line_error(streamer, pulse):
    answer = streamer("levels", "--device", "gamma")
    assert answer.code == 1
    assert answer.err.startswith('streamer: cannot find a microphone "gamma"; choose one of 0 "')
    assert answer.err.count("\n") == 1
