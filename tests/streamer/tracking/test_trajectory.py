import math

import numpy as np
import pytest

from streamer.engines import KalmanSettings
from streamer.tracking import Affect
from streamer.tracking.trajectory import AffineCorrection, Correction, Trajectory
from streamer.tracking.windows import Window

RATE = 22050
SETTINGS = KalmanSettings(drift=(0.05, 0.05), correlation=1.5, deviation_scale=(1.0, 1.0))
JOY = Affect(0.8, 0.6, 0.1, 0.1)
GRIEF = Affect(-0.8, -0.6, 0.1, 0.1)


def window(tick, *, silence=False):
    return Window(
        tick=tick,
        end_sample=tick * RATE // 10,
        captured=100 + tick / 10,
        mel=np.zeros((128, 4), np.float32),
        cochleagram=np.zeros((84, 4), np.float32),
        warm=0.5,
        level=-30.0,
        silence=silence,
    )


@pytest.fixture(params=["kalman", "one-euro", "exponential", "none"])
def smoother(request):
    return request.param


def follow(on_silence, smoother="kalman", *, raw=JOY, ticks=50):
    """A trajectory that has heard music for some seconds, and its last update."""
    trajectory = Trajectory(RATE, smoother, SETTINGS, on_silence)
    for tick in range(10, 10 + ticks):
        update = trajectory.step(window(tick), raw)
    return trajectory, update


def test_an_update_tells_of_its_window():
    trajectory, _ = follow("decay", ticks=1)
    update = trajectory.step(window(20), GRIEF)
    assert (update.tick, update.time, update.captured) == (20, 2.0, 102.0)
    assert (update.raw, update.silence, update.warm, update.level) == (GRIEF, False, 0.5, -30.0)


def test_in_silence_it_decays_to_neutral(smoother):
    trajectory, before = follow("decay", smoother)
    valences = []
    for tick in range(60, 460):
        update = trajectory.step(window(tick, silence=True), JOY)
        valences.append(update.smooth.valence)
        assert update.silence
    assert valences == sorted(valences, reverse=True)
    assert valences[29] == pytest.approx(before.smooth.valence / math.e, rel=0.01)
    assert update.smooth.valence == pytest.approx(0, abs=1e-3)
    assert update.smooth.arousal == pytest.approx(0, abs=1e-3)
    assert update.smooth.valence_std > before.smooth.valence_std


def test_the_decay_follows_time_not_ticks():
    one, _ = follow("decay")
    many, _ = follow("decay")
    for tick in range(60, 90):
        last = many.step(window(tick, silence=True), JOY)
    assert one.step(window(89, silence=True), JOY).smooth.valence == pytest.approx(
        last.smooth.valence
    )


def test_in_silence_it_holds_where_that_is_asked_for(smoother):
    trajectory, before = follow("hold", smoother)
    for tick in range(60, 160):
        assert trajectory.step(window(tick, silence=True), GRIEF).smooth == before.smooth


@pytest.mark.parametrize("on_silence", ["decay", "hold"])
def test_in_silence_the_engines_word_counts_for_nothing(on_silence, smoother):
    first, _ = follow(on_silence, smoother)
    second, _ = follow(on_silence, smoother)
    for tick in range(60, 90):
        one = first.step(window(tick, silence=True), JOY)
        other = second.step(window(tick, silence=True), GRIEF)
        assert one.smooth == other.smooth
        assert other.raw == GRIEF
    assert first.step(window(90), JOY).smooth == second.step(window(90), JOY).smooth


def test_after_a_silence_it_goes_on_from_there():
    trajectory, _ = follow("decay")
    for tick in range(60, 90):
        rest = trajectory.step(window(tick, silence=True), GRIEF)
    after = trajectory.step(window(90), GRIEF)
    assert GRIEF.valence < after.smooth.valence < rest.smooth.valence
    for tick in range(91, 200):
        after = trajectory.step(window(tick), GRIEF)
    assert after.smooth.valence == pytest.approx(GRIEF.valence, abs=0.02)


def test_before_any_sound_silence_is_neutral_and_uncertain(smoother):
    for on_silence in ("decay", "hold"):
        trajectory = Trajectory(RATE, smoother, SETTINGS, on_silence)
        smooth = trajectory.step(window(10, silence=True), JOY).smooth
        assert (smooth.valence, smooth.arousal) == (0.0, 0.0)
        assert smooth.valence_std == smooth.arousal_std == 0.5


class TestFrozen:
    def test_it_stays_where_it_is_whatever_is_heard(self, smoother):
        trajectory, before = follow("decay", smoother)
        trajectory.hold_output = True
        for tick in range(60, 90):
            update = trajectory.step(window(tick, silence=tick > 75), GRIEF)
            assert update.smooth == before.smooth
            assert update.raw == GRIEF
        assert update.silence

    def test_it_goes_on_from_there(self):
        trajectory, before = follow("decay")
        trajectory.hold_output = True
        trajectory.step(window(60), GRIEF)
        trajectory.hold_output = False
        first = trajectory.step(window(61), GRIEF).smooth.valence
        assert GRIEF.valence < first < before.smooth.valence
        for tick in range(62, 160):
            update = trajectory.step(window(tick), GRIEF)
        assert update.smooth.valence == pytest.approx(GRIEF.valence, abs=0.02)

    def test_before_the_first_estimate_there_is_nothing_to_hold(self):
        trajectory = Trajectory(RATE, "none", SETTINGS, "decay")
        trajectory.hold_output = True
        assert trajectory.step(window(10), JOY).smooth == JOY


def test_a_correction_comes_before_everything_else():
    trajectory = Trajectory(RATE, "none", SETTINGS, "decay")
    trajectory.correction = Correction(valence=AffineCorrection(offset=-0.1, scale=0.5))
    update = trajectory.step(window(10), JOY)
    assert update.raw == update.smooth == Affect(pytest.approx(0.3), 0.6, 0.05, 0.1)
