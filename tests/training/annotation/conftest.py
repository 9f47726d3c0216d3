"""A folder of one's own music, and raters."""

import numpy as np
import pytest

from training.datasets.pieces import Ratings

SECONDS = 3.0
TIMES = np.arange(30.0)


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


@pytest.fixture(scope="session")
def make_ratings():
    """Make pieces that some raters follow and others guess at."""

    def make(steady, guessing, pieces=8):
        random = np.random.default_rng(0)
        made = []
        for number in range(pieces):
            level = random.uniform(-0.4, 0.4, 2)
            truth = level + 0.3 * np.sin(TIMES / 4.0 + random.uniform(0, 6, (2, 1))).T
            good = truth + 0.1 * random.standard_normal((steady, len(TIMES), 2))
            bad = random.uniform(-1, 1, (guessing, len(TIMES), 2))
            made.append(
                Ratings(
                    name=f"song{number}",
                    group=f"song{number}",
                    raters=tuple(map(str, range(steady + guessing))),
                    times=TIMES,
                    values=np.clip(np.concatenate([good, bad]), -1, 1),
                )
            )
        return made

    return make
