"""Test the fit of the smoother: error, response time and calibrated deviations."""

import numpy as np
import pytest

from streamer.engines import KalmanSettings
from training.evaluation.smoothing import (
    fit_smoother,
    labels_in_intervals,
    response_time,
    smooth_trajectory,
    time_constant,
)
from training.predict import Trajectory
from training.sound.renditions import RECORDED

EVERY = 0.1


def settings_of(constant, std=0.3, correlation=1.5):
    """Return settings whose steady state has a time constant, s."""
    drift = std**2 * correlation / constant**2
    return KalmanSettings((drift, drift), correlation, (1.0, 1.0))


def coverage(paths, settings):
    """Return the share of labels inside each interval, by axis."""
    inside = [labels_in_intervals(path, settings) for path in paths]
    return {
        width: np.concatenate([one[width] for one in inside]).mean(axis=0) for width in inside[0]
    }


def make_trajectory(piece, mean, std=0.3, window_seconds=3.0):
    times = 1.0 + EVERY * np.arange(len(mean))
    means = np.stack([mean, mean], axis=1)
    return Trajectory(piece, RECORDED, times, means, np.full_like(means, std), window_seconds)


@pytest.fixture
def step(make_piece):
    """Make a step trajectory with long constant parts; return it and the time of the step."""

    def make(size=1.0, ramp=0.0, std=0.3):
        times = 1.0 + EVERY * np.arange(400)
        jump = 20.0
        share = np.clip((times - jump) / ramp, 0, 1) if ramp else (times > jump).astype(float)
        return make_trajectory(make_piece(), size * (share - 0.5), std), jump

    return make


@pytest.fixture
def slow_labels(make_piece):
    """Make trajectories whose labels vary slowly and whose errors have a known deviation."""

    def make(count=30, std=0.3, stated=None, seed=0):
        random = np.random.default_rng(seed)
        paths = []
        for number in range(count):
            times = 1.0 + EVERY * np.arange(300)
            label = 0.4 * np.sin(2 * np.pi * (times / 30.0 + random.uniform()))
            piece = make_piece(f"song{number}", times=times, valence=label, arousal=label)
            estimate = label[:, None] + std * random.standard_normal((300, 2))
            stated_std = np.full((300, 2), std if stated is None else stated)
            paths.append(Trajectory(piece, RECORDED, times, estimate, stated_std, 3.0))
        return paths

    return make


@pytest.mark.parametrize("constant", [0.4, 0.8, 1.5, 2.0])
def test_a_step_is_followed_within_the_time_constant(step, constant):
    assert response_time([step()], settings_of(constant)) == pytest.approx(
        constant, rel=0.2, abs=0.1
    )


@pytest.mark.parametrize("size", [1.0, -1.0, 0.2])
def test_the_size_of_a_step_does_not_change_the_response(step, size):
    assert response_time([step(size)], settings_of(1.0)) == pytest.approx(1.0, rel=0.2)


def test_without_a_smoother_the_response_is_that_of_the_estimates(step):
    assert response_time([step()], None) == pytest.approx(0.1, abs=0.11)
    assert response_time([step(ramp=2.0)], None) == pytest.approx(0.63 * 2.0, abs=0.11)


def test_smoothing_is_causal(step):
    path, _ = step()
    means, deviations = smooth_trajectory(path, settings_of(1.0))
    shorter = Trajectory(
        path.piece, RECORDED, path.times[:250], path.mean[:250], path.std[:250], 3.0
    )
    first_means, first_deviations = smooth_trajectory(shorter, settings_of(1.0))
    assert np.array_equal(means[:250], first_means)
    assert np.array_equal(deviations[:250], first_deviations)


def test_smoothing_reduces_the_error(slow_labels):
    for path in slow_labels(count=3):
        means, _ = smooth_trajectory(path, settings_of(1.0))
        late = slice(50, None)
        after = np.mean((means - path.labels())[late] ** 2)
        assert after < 0.3 * np.mean((path.mean - path.labels())[late] ** 2)


def test_the_raw_coverage_of_a_calibrated_gaussian_is_nominal(slow_labels):
    shares = coverage(slow_labels(), None)
    assert shares["80"] == pytest.approx([0.80, 0.80], abs=0.02)
    assert shares["95"] == pytest.approx([0.95, 0.95], abs=0.01)


def test_too_small_deviations_have_too_low_coverage(slow_labels):
    shares = coverage(slow_labels(stated=0.15), None)
    assert max(shares["95"]) < 0.75


@pytest.mark.parametrize("longest", [2.1, 2.4, 3.5])
def test_the_fitted_smoother_uses_the_longest_allowed_response(slow_labels, step, longest):
    settings = fit_smoother(slow_labels(), longest)
    assert response_time([step(ramp=3.0)], settings) == pytest.approx(longest, abs=0.15)


def test_a_longer_response_allows_a_slower_smoother(slow_labels):
    quick, slow = (fit_smoother(slow_labels(), longest) for longest in (2.1, 5.0))
    assert slow.drift[0] < quick.drift[0]


def test_without_a_fast_enough_smoother_the_fastest_is_chosen():
    assert time_constant(6.0, 2.4) == min(time_constant(6.0, 0.1), 0.05)


def test_the_fitted_deviations_are_calibrated(make_piece):
    """Include errors that are constant within a piece, which no smoothing removes."""
    random = np.random.default_rng(4)
    paths = []
    for number in range(300):
        bias = 0.25 * random.standard_normal(2)
        estimate = bias + 0.1 * random.standard_normal((60, 2))
        times = 1.0 + EVERY * np.arange(60)
        stated_std = np.full((60, 2), np.hypot(0.25, 0.1))
        paths.append(
            Trajectory(make_piece(f"song{number}"), RECORDED, times, estimate, stated_std, 3.0)
        )
    settings = fit_smoother(paths[:150], longest_response=2.3)
    shares = coverage(paths[150:], settings)
    assert shares["80"] == pytest.approx([0.80, 0.80], abs=0.06)
    assert shares["95"] == pytest.approx([0.95, 0.95], abs=0.04)
