"""Capture times and drift from arrivals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio.microphone.capture_time import DriftMeter, MicrophoneClock

RATE, BLOCK = 48000, 960


def arrivals(seconds, ppm, seed):
    """Block by block as a sound server hands them on: never early, sometimes late."""
    count = round(seconds * RATE / BLOCK)
    times = np.arange(1, count + 1) * BLOCK / (RATE * (1 + ppm * 1e-6))
    return times + np.random.default_rng(seed).exponential(0.002, count)


@given(st.floats(-100, 100), st.integers(0, 2**32 - 1), st.floats(60, 540))
@settings(max_examples=15, deadline=None)
def test_after_ten_minutes_drift_is_known_though_a_little_sound_was_lost(ppm, seed, lost_at):
    meter = DriftMeter(RATE)
    for n, time in enumerate(arrivals(600, ppm, seed)):
        lost = 0.01 if time > lost_at else 0.0
        meter.observe((n + 1) * BLOCK, time + lost)
    assert meter.ppm == pytest.approx(ppm, abs=10)


def test_before_it_knows_it_says_nothing():
    meter = DriftMeter(RATE)
    for n, time in enumerate(arrivals(9, 80, 0)):
        meter.observe((n + 1) * BLOCK, time)
    assert meter.ppm == 0


def test_an_age_beyond_the_block_is_taken_off():
    clock = MicrophoneClock(RATE)
    for n, time in enumerate(arrivals(10, 0, 0)):
        clock.observe((n + 1) * BLOCK, BLOCK, time, 0.05 if n % 10 else 0.4)
    assert clock.time_of(RATE) == pytest.approx(1 - 0.03, abs=0.004)


@pytest.mark.parametrize("age", [0.005, math.nan])
def test_an_age_that_cannot_be_is_not(age):
    clock = MicrophoneClock(RATE)
    for n, time in enumerate(arrivals(10, 0, 0)):
        clock.observe((n + 1) * BLOCK, BLOCK, time, age)
    assert clock.time_of(RATE) == pytest.approx(1, abs=0.004)
