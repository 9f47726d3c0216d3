"""`streamer levels`."""

import numpy as np
import pytest

from tests.support.pulseaudio import MicrophonePlayer

pytestmark = pytest.mark.peer


def a_desk(first, last):
    """Give sound on the first and the third of four channels."""
    return np.tile(np.int16([3000, 0, 300, 0]), (last - first, 1))


def test_it_shows_on_which_channels_the_music_comes(streamer, pulse):
    pulse.plug_in("alpha", "front-left,front-right,rear-left,rear-right")
    player = MicrophonePlayer(pulse.pipe("alpha"), a_desk)
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


def test_where_nothing_is_heard_it_says_what_to_do(streamer, pulse):
    pulse.add_sink()
    answer = streamer("levels", "--device", "virtual_sink")
    assert answer.code == 0
    assert "nothing but zeros: unmute it, or choose another --device" in answer.out


def test_a_device_that_is_not_there_is_told(streamer, pulse):
    answer = streamer("levels", "--device", "gamma")
    assert answer.code == 1
    assert answer.err.startswith('streamer: cannot find a microphone "gamma"; choose one of 0 "')
    assert answer.err.count("\n") == 1
