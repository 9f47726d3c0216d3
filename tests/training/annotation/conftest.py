"""Fixtures: a folder of audio clips, pointer samples and simulated raters."""

import numpy as np
import pytest

from training.datasets.pieces import Ratings

SECONDS = 3.0
TIMES = np.arange(30.0)


@pytest.fixture
def folder(tmp_path, make_audio, write_wave):
    """Two clips of three seconds, one of them in a subfolder."""
    for number, name in enumerate(("a.wav", "set one/b.wav")):
        write_wave(tmp_path / name, make_audio(0.0, 0.0, SECONDS, seed=number))
    return tmp_path


@pytest.fixture
def make_samples():
    """Make samples of a pointer at a fixed point of the plane, at 20 Hz."""

    def make(valence, arousal, start=0.0, seconds=SECONDS):
        times = start + np.arange(0.0, seconds, 0.05)
        return [(float(time), valence, arousal) for time in times]

    return make


@pytest.fixture(scope="session")
def make_ratings():
    """Make ratings by raters who follow the true curve and raters who guess."""

    def make(steady, guessing, pieces=8):
        random = np.random.default_rng(0)
        ratings = []
        for number in range(pieces):
            level = random.uniform(-0.4, 0.4, 2)
            truth = level + 0.3 * np.sin(TIMES / 4.0 + random.uniform(0, 6, (2, 1))).T
            good = truth + 0.1 * random.standard_normal((steady, len(TIMES), 2))
            bad = random.uniform(-1, 1, (guessing, len(TIMES), 2))
            ratings.append(
                Ratings(
                    name=f"song{number}",
                    group=f"song{number}",
                    raters=tuple(map(str, range(steady + guessing))),
                    times=TIMES,
                    values=np.clip(np.concatenate([good, bad]), -1, 1),
                )
            )
        return ratings

    return make
