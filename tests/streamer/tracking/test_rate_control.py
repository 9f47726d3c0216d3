"""The rate falls on a slow machine and recovers at once."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.tracking.rate_control import MAX_INTERVAL_S, MAX_LOAD, RateController


def test_fast_answers_do_not_change_the_rate():
    controller = RateController(10.0)
    assert not any(controller.record(0.003) for _ in range(100))
    assert (controller.rate, controller.is_limited) == (10.0, False)


def test_one_slow_answer_does_not_change_the_rate():
    controller = RateController(10.0)
    assert not controller.record(0.5)
    assert not controller.record(0.003)
    assert not controller.record(0.5)
    assert controller.rate == 10.0


def test_a_second_slow_answer_lowers_the_rate_and_a_fast_one_restores_it():
    controller = RateController(10.0)
    controller.record(0.15)
    assert controller.record(0.5)
    assert controller.rate == 5.0  # what the faster of the two allows
    assert controller.record(0.5)
    assert controller.rate == pytest.approx(10 / 7)
    assert controller.record(0.003)
    assert controller.rate == 10.0


def test_an_answer_that_would_just_fit_does_not_make_the_rate_oscillate():
    controller = RateController(10.0)
    controller.record(0.1)
    controller.record(0.1)
    assert controller.rate == 5.0
    assert not any(controller.record(0.07) for _ in range(20))
    assert controller.rate == 5.0


@given(target=st.floats(0.1, 20.0), seconds=st.floats(0.001, 100.0), before=st.floats(0.0, 100.0))
def test_the_rate_settles_where_every_answer_is_fast_enough(target, seconds, before):
    controller = RateController(target)
    controller.record(before)
    for _ in range(4):
        controller.record(seconds)
    slowest = target / max(math.floor(MAX_INTERVAL_S * target), 1)
    assert slowest <= controller.rate <= target
    assert seconds * controller.rate <= MAX_LOAD or controller.rate == pytest.approx(slowest)
