import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streamer.engines import KalmanSettings
from streamer.tracking import Affect
from streamer.tracking.trajectory import AffineCorrection, Correction, Trajectory
from streamer.tracking.windows import Window

RATE = 22050
AXIS = st.floats(-1, 1)
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
    """A trajectory after some seconds of music, and its last update."""
    trajectory = Trajectory(RATE, smoother, SETTINGS, on_silence)
    for tick in range(10, 10 + ticks):
        update = trajectory.step(window(tick), raw)
    return trajectory, update


def test_an_update_has_the_data_of_its_window():
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


def test_the_decay_depends_on_time_not_on_ticks():
    one, _ = follow("decay")
    many, _ = follow("decay")
    for tick in range(60, 90):
        last = many.step(window(tick, silence=True), JOY)
    assert one.step(window(89, silence=True), JOY).smooth.valence == pytest.approx(
        last.smooth.valence
    )


def test_in_silence_it_holds_if_configured(smoother):
    trajectory, before = follow("hold", smoother)
    for tick in range(60, 160):
        assert trajectory.step(window(tick, silence=True), GRIEF).smooth == before.smooth


@pytest.mark.parametrize("on_silence", ["decay", "hold"])
def test_in_silence_the_estimates_are_ignored(on_silence, smoother):
    first, _ = follow(on_silence, smoother)
    second, _ = follow(on_silence, smoother)
    for tick in range(60, 90):
        one = first.step(window(tick, silence=True), JOY)
        other = second.step(window(tick, silence=True), GRIEF)
        assert one.smooth == other.smooth
        assert other.raw == GRIEF
    assert first.step(window(90), JOY).smooth == second.step(window(90), JOY).smooth


def test_after_a_silence_it_continues_from_there():
    trajectory, _ = follow("decay")
    for tick in range(60, 90):
        rest = trajectory.step(window(tick, silence=True), GRIEF)
    after = trajectory.step(window(90), GRIEF)
    assert GRIEF.valence < after.smooth.valence < rest.smooth.valence
    for tick in range(91, 200):
        after = trajectory.step(window(tick), GRIEF)
    assert after.smooth.valence == pytest.approx(GRIEF.valence, abs=0.02)


def test_silence_at_the_start_is_neutral_and_uncertain(smoother):
    for on_silence in ("decay", "hold"):
        trajectory = Trajectory(RATE, smoother, SETTINGS, on_silence)
        smooth = trajectory.step(window(10, silence=True), JOY).smooth
        assert (smooth.valence, smooth.arousal) == (0.0, 0.0)
        assert smooth.valence_std == smooth.arousal_std == 0.5


class TestHoldOutput:
    def test_it_stays_at_its_last_value_whatever_the_estimates(self, smoother):
        trajectory, before = follow("decay", smoother)
        trajectory.hold_output = True
        for tick in range(60, 90):
            update = trajectory.step(window(tick, silence=tick > 75), GRIEF)
            assert update.smooth == before.smooth
            assert update.raw == GRIEF
        assert update.silence

    def test_it_continues_from_there(self):
        trajectory, before = follow("decay")
        trajectory.hold_output = True
        trajectory.step(window(60), GRIEF)
        trajectory.hold_output = False
        first = trajectory.step(window(61), GRIEF).smooth.valence
        assert GRIEF.valence < first < before.smooth.valence
        for tick in range(62, 160):
            update = trajectory.step(window(tick), GRIEF)
        assert update.smooth.valence == pytest.approx(GRIEF.valence, abs=0.02)

    def test_the_first_estimate_is_not_held(self):
        trajectory = Trajectory(RATE, "none", SETTINGS, "decay")
        trajectory.hold_output = True
        assert trajectory.step(window(10), JOY).smooth == JOY


def test_the_correction_is_applied_first():
    trajectory = Trajectory(RATE, "none", SETTINGS, "decay")
    trajectory.correction = Correction(valence=AffineCorrection(offset=-0.1, scale=0.5))
    update = trajectory.step(window(10), JOY)
    assert update.raw == update.smooth == Affect(pytest.approx(0.3), 0.6, 0.05, 0.1)


class TestCorrection:
    @given(valence=AXIS, arousal=AXIS)
    def test_the_default_changes_nothing(self, valence, arousal):
        affect = Affect(valence, arousal, 0.1, 0.2)
        assert Correction()(affect) == affect

    def test_each_axis_is_corrected_and_its_deviation_scaled(self):
        correction = Correction(
            valence=AffineCorrection(offset=0.1, scale=2), arousal=AffineCorrection(offset=-0.2)
        )
        assert correction(Affect(0.2, 0.5, 0.1, 0.2)) == Affect(0.5, 0.3, 0.2, 0.2)

    @given(value=AXIS, offset=st.floats(-0.5, 0.5), scale=st.floats(0.5, 2))
    def test_the_result_is_in_range(self, value, offset, scale):
        assert -1 <= AffineCorrection(offset=offset, scale=scale)(value) <= 1

    @pytest.mark.parametrize(
        "wrong", [{"scale": 0}, {"scale": 3}, {"offset": 1}, {"offset": "nan"}]
    )
    def test_values_out_of_range_are_refused(self, wrong):
        with pytest.raises(ValidationError):
            AffineCorrection(**wrong)
