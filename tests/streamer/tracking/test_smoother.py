import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.engines import KalmanSettings
from streamer.tracking import Affect
from streamer.tracking.smoother import Kalman, OneEuro, make_smoother

SETTINGS = KalmanSettings(drift=(0.05, 0.05), correlation=1.5, deviation_scale=(1.0, 1.0))
NAMES = ["kalman", "one-euro", "exponential"]
ALL = [*NAMES, "none"]

coordinates = st.floats(-1, 1)
deviations = st.floats(1e-3, 1)
intervals = st.floats(0.05, 20)


def affect(valence, arousal=0.0, std=0.2):
    return Affect(valence, arousal, std, std)


def make(name):
    return make_smoother(name, SETTINGS)


def response_time(name, rate, *, share=0.63):
    """Seconds from a step of the valence until the trajectory has gone `share` of it."""
    smoother, dt = make(name), 1 / rate
    for _ in range(round(30 * rate)):
        smoother.step(affect(-0.4), dt)
    before, share_gone, seconds = -0.4, 0.0, 0.0
    while share_gone < share:
        last = share_gone
        share_gone = (smoother.step(affect(0.4), dt).valence - before) / 0.8
        seconds += dt
        assert seconds < 20
    return seconds - dt * (share_gone - share) / (share_gone - last)


@pytest.mark.parametrize("name", ALL)
def test_the_first_estimate_is_not_changed(name):
    first = make(name).step(affect(0.3, -0.6), 1.0)
    assert (first.valence, first.arousal) == (0.3, -0.6)


@pytest.mark.parametrize("name", ALL)
def test_it_converges_to_a_constant_estimate(name):
    smoother = make(name)
    smoother.step(affect(-0.9, 0.9), 0.1)
    for _ in range(300):
        last = smoother.step(affect(0.5, -0.2), 0.1)
    assert last.valence == pytest.approx(0.5, abs=0.01)
    assert last.arousal == pytest.approx(-0.2, abs=0.01)


@pytest.mark.parametrize("name", ALL)
@given(steps=st.lists(st.tuples(coordinates, coordinates, deviations, intervals), max_size=30))
def test_the_output_stays_in_the_range_of_the_estimates_with_positive_deviation(name, steps):
    smoother = make(name)
    for k, (valence, arousal, std, interval) in enumerate(steps):
        smooth = smoother.step(Affect(valence, arousal, std, std), interval)
        valences, arousals = zip(*[step[:2] for step in steps[: k + 1]], strict=True)
        assert min(valences) - 1e-9 <= smooth.valence <= max(valences) + 1e-9
        assert min(arousals) - 1e-9 <= smooth.arousal <= max(arousals) + 1e-9
        assert 0 < smooth.valence_std < math.inf
        assert 0 < smooth.arousal_std < math.inf
        assert 0 <= smoother.delay < math.inf


@pytest.mark.parametrize("name", NAMES)
def test_it_is_smoother_than_its_estimates(name):
    smoother = make(name)
    trail = [smoother.step(affect(0.3 * (-1) ** k), 0.1).valence for k in range(100)]
    assert max(map(abs, trail[20:])) < 0.15


@pytest.mark.parametrize("name", ["kalman", "exponential"])
def test_the_response_time_does_not_depend_on_the_rate(name):
    at_10_hz = response_time(name, 10)
    assert 0.2 < at_10_hz < 2.5
    for rate in (5, 20):
        assert response_time(name, rate) == pytest.approx(at_10_hz, rel=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_an_estimate_after_a_longer_interval_has_more_weight(name):
    def moved(interval):
        smoother = make(name)
        for _ in range(50):
            smoother.step(affect(0.0), 0.1)
        return smoother.step(affect(0.5), interval).valence

    assert moved(0.1) < moved(0.3) < moved(5.0) <= 0.5


@pytest.mark.parametrize("name", ALL)
def test_it_continues_from_the_point_of_a_reset(name):
    smoother = make(name)
    smoother.step(affect(0.9, 0.9), 0.1)
    smoother.reset_to(affect(-0.5, 0.1))
    smooth = smoother.step(affect(0.0, 0.0), 0.1)
    assert -0.5 <= smooth.valence <= 0.0
    assert 0.0 <= smooth.arousal <= 0.1


class TestKalman:
    def moved(self, std, *, axis="valence"):
        smoother = Kalman(SETTINGS)
        for _ in range(50):
            smoother.step(affect(0.0), 0.1)
        return getattr(smoother.step(Affect(0.5, 0.5, std, 0.2), 0.1), axis)

    def test_an_uncertain_estimate_moves_it_less(self):
        assert self.moved(0.05) > 2 * self.moved(0.2) > 4 * self.moved(0.8) > 0

    def test_the_axes_are_independent(self):
        assert self.moved(0.05, axis="arousal") == self.moved(0.8, axis="arousal")

    def test_it_follows_fast_after_a_reset(self):
        steady, reset = Kalman(SETTINGS), Kalman(SETTINGS)
        for smoother in (steady, reset):
            for _ in range(100):
                smoother.step(affect(0.0), 0.1)
        reset.reset_to(affect(0.0))
        assert reset.step(affect(0.5), 0.1).valence > 1.2 * steady.step(affect(0.5), 0.1).valence

    def test_its_deviation_is_the_scaled_one_of_the_estimates(self):
        settings = KalmanSettings(drift=(0.05, 0.05), correlation=1.5, deviation_scale=(0.5, 2.0))
        smoother = Kalman(settings)
        for _ in range(100):
            last = smoother.step(affect(0.0, std=0.3), 0.1)
        assert last.valence_std == pytest.approx(0.15)
        assert last.arousal_std == pytest.approx(0.6)

    def test_its_delay_is_the_lag_of_a_steady_movement(self):
        smoother = Kalman(SETTINGS)
        for k in range(400):
            smooth = smoother.step(affect(-1 + 0.004 * k), 0.1)
        lag = (-1 + 0.004 * 399 - smooth.valence) / 0.04
        assert smoother.delay == pytest.approx(lag, rel=0.05)


class TestOneEuro:
    def test_it_follows_large_changes_faster(self):
        def share(step):
            smoother = OneEuro()
            for _ in range(50):
                smoother.step(affect(0.0), 0.1)
            for _ in range(5):
                smooth = smoother.step(affect(step), 0.1)
            return smooth.valence / step

        assert share(1.0) > share(0.05)

    def test_its_delay_is_that_of_the_slower_axis(self):
        smoother = OneEuro()
        smoother.step(affect(0.0, 0.0), 0.1)
        for k in range(10):
            smoother.step(affect(0.0, 0.1 * k), 0.1)
        arousal_moved = smoother.delay
        smoother = OneEuro()
        smoother.step(affect(0.0, 0.0), 0.1)
        for k in range(10):
            smoother.step(affect(0.1 * k, 0.0), 0.1)
        assert smoother.delay == pytest.approx(arousal_moved)


def test_an_unknown_smoother_is_an_error():
    with pytest.raises(ValueError, match="no smoother 'median'"):
        make("median")
