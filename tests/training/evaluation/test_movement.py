"""Test agreement by speed of the labels, with and without smoothing."""

import numpy as np
import pytest

from streamer.engines import KalmanSettings
from training.evaluation.smoothing import PUBLISHED, RAW, within_piece_agreement
from training.predict import Trajectory
from training.sound.renditions import RECORDED

SETTINGS = KalmanSettings((0.01, 0.01), 1.5, (1.0, 1.0))
TIMES = np.arange(1.0, 121.0, 0.5)


@pytest.fixture
def make_paths(make_piece):
    """Make trajectories whose labels oscillate once a minute, with noise of a given deviation."""

    def make(noise, count=6):
        swing = 0.3 * np.sin(2 * np.pi * TIMES / 60.0)
        random = np.random.default_rng(0)
        paths = []
        for number in range(count):
            piece = make_piece(f"song{number}", times=TIMES, valence=swing, arousal=-swing)
            mean = np.stack([swing, -swing], axis=1)
            mean = mean + noise * random.standard_normal(mean.shape)
            paths.append(Trajectory(piece, RECORDED, TIMES, mean, np.full_like(mean, 0.2), 3.0))
        return paths

    return make


def test_exact_estimates_agree_best_unsmoothed(make_paths):
    table = within_piece_agreement(make_paths(0.0), SETTINGS)
    assert table[RAW]["valence"] == pytest.approx(1.0)
    assert table[RAW]["valence"] > table["8 s"]["valence"] > table["32 s"]["valence"]


def test_noisy_estimates_agree_better_when_smoothed(make_paths):
    table = within_piece_agreement(make_paths(1.0), SETTINGS)
    for axis in ("valence", "arousal"):
        assert table["4 s"][axis] > table[RAW][axis] + 0.2
        assert table[PUBLISHED][axis] > table[RAW][axis]


def test_constant_labels_give_an_empty_table(make_piece):
    mean = np.zeros((3, 2))
    still = Trajectory(make_piece("clip"), RECORDED, np.arange(1.0, 4.0), mean, mean + 0.2, 3.0)
    assert within_piece_agreement([still], SETTINGS) == {}
