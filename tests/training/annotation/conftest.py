"""A folder of one's own music."""

import numpy as np
import pytest

SECONDS = 3.0


@pytest.fixture
def folder(tmp_path, make_sound, write_wave):
    """Two clips of three seconds, one in a folder below."""
    for number, name in enumerate(("a.wav", "set one/b.wav")):
        write_wave(tmp_path / name, make_sound(0.0, 0.0, SECONDS, seed=number))
    return tmp_path


@pytest.fixture
def held():
    """Make samples of a pointer that is held at a place of the plane, twenty a second."""

    def make(valence, arousal, start=0.0, seconds=SECONDS):
        times = start + np.arange(0.0, seconds, 0.05)
        return [(float(time), valence, arousal) for time in times]

    return make
