"""Too slow a machine makes fewer estimates, and at once all of them again when it can."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.tracking.rate_control import MAX_INTERVAL_S, MAX_LOAD, RateController


def test_quick_answers_change_nothing():
    pace = RateController(10.0)
    assert not any(pace.record(0.003) for _ in range(100))
    assert (pace.rate, pace.is_limited) == (10.0, False)


def test_one_late_answer_is_an_accident():
    pace = RateController(10.0)
    assert not pace.record(0.5)
    assert not pace.record(0.003)
    assert not pace.record(0.5)
    assert pace.rate == 10.0


def test_the_second_late_answer_lowers_the_rate_and_a_quick_one_restores_it():
    pace = RateController(10.0)
    pace.record(0.15)
    assert pace.record(0.5)
    assert pace.rate == 5.0  # what the quicker of the two allows
    assert pace.record(0.5)
    assert pace.rate == pytest.approx(10 / 7)
    assert pace.record(0.003)
    assert pace.rate == 10.0


def test_an_answer_that_would_just_fit_does_not_make_the_rate_swing():
    pace = RateController(10.0)
    pace.record(0.1)
    pace.record(0.1)
    assert pace.rate == 5.0
    assert not any(pace.record(0.07) for _ in range(20))
    assert pace.rate == 5.0


@given(wanted=st.floats(0.1, 20.0), takes=st.floats(0.001, 100.0), before=st.floats(0.0, 100.0))
def test_the_rate_settles_where_every_answer_is_in_time(wanted, takes, before):
    pace = RateController(wanted)
    pace.record(before)
    for _ in range(4):
        pace.record(takes)
    slowest = wanted / max(math.floor(MAX_INTERVAL_S * wanted), 1)
    assert slowest <= pace.rate <= wanted
    assert takes * pace.rate <= MAX_LOAD or pace.rate == pytest.approx(slowest)
