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
pauses = st.floats(0.05, 20)


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
def test_the_first_estimate_is_taken_as_it_is(name):
    first = make(name).step(affect(0.3, -0.6), 1.0)
    assert (first.valence, first.arousal) == (0.3, -0.6)


@pytest.mark.parametrize("name", ALL)
def test_a_steady_estimate_is_reached(name):
    smoother = make(name)
    smoother.step(affect(-0.9, 0.9), 0.1)
    for _ in range(300):
        last = smoother.step(affect(0.5, -0.2), 0.1)
    assert last.valence == pytest.approx(0.5, abs=0.01)
    assert last.arousal == pytest.approx(-0.2, abs=0.01)


@pytest.mark.parametrize("name", ALL)
@given(steps=st.lists(st.tuples(coordinates, coordinates, deviations, pauses), max_size=30))
def test_the_trajectory_stays_among_its_estimates_and_its_deviation_positive(name, steps):
    smoother = make(name)
    for k, (valence, arousal, std, pause) in enumerate(steps):
        smooth = smoother.step(Affect(valence, arousal, std, std), pause)
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
def test_it_is_equally_quick_at_every_rate(name):
    at_10_hz = response_time(name, 10)
    assert 0.2 < at_10_hz < 2.5
    for rate in (5, 20):
        assert response_time(name, rate) == pytest.approx(at_10_hz, rel=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_a_longer_pause_lets_an_estimate_count_for_more(name):
    def moved(pause):
        smoother = make(name)
        for _ in range(50):
            smoother.step(affect(0.0), 0.1)
        return smoother.step(affect(0.5), pause).valence

    assert moved(0.1) < moved(0.3) < moved(5.0) <= 0.5


@pytest.mark.parametrize("name", ALL)
def test_it_goes_on_from_where_it_is_settled(name):
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

    def test_the_axes_do_not_touch(self):
        assert self.moved(0.05, axis="arousal") == self.moved(0.8, axis="arousal")

    def test_after_a_settling_it_is_quick_to_follow(self):
        steady, settled = Kalman(SETTINGS), Kalman(SETTINGS)
        for smoother in (steady, settled):
            for _ in range(100):
                smoother.step(affect(0.0), 0.1)
        settled.reset_to(affect(0.0))
        assert settled.step(affect(0.5), 0.1).valence > 1.2 * steady.step(affect(0.5), 0.1).valence

    def test_its_deviation_is_that_of_the_estimates_to_scale(self):
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
    def test_it_is_quicker_where_more_moves(self):
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


def test_an_unknown_smoother_is_refused():
    with pytest.raises(ValueError, match="no smoother 'median'"):
        make("median")
