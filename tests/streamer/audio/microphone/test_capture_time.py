"""Capture times, drift and losses of a microphone, from when its blocks arrive."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio.capture_clock import MAX_JITTER_S
from streamer.audio.microphone.capture_time import (
    LOSS_DECISION_S,
    DriftEstimator,
    LossDetector,
    MicrophoneClock,
)

RATE, BLOCK = 48000, 960


def arrivals(seconds, ppm, seed):
    """Return arrival times of blocks from a sound server: never early, sometimes late."""
    count = round(seconds * RATE / BLOCK)
    times = np.arange(1, count + 1) * BLOCK / (RATE * (1 + ppm * 1e-6))
    return times + np.random.default_rng(seed).exponential(0.002, count)


@given(st.floats(-100, 100), st.integers(0, 2**32 - 1), st.floats(60, 540))
@settings(max_examples=15)
def test_after_ten_minutes_drift_is_known_despite_a_short_loss(ppm, seed, lost_at):
    estimator = DriftEstimator(RATE)
    for n, time in enumerate(arrivals(600, ppm, seed)):
        lost = 0.01 if time > lost_at else 0.0
        estimator.observe((n + 1) * BLOCK, time + lost)
    assert estimator.ppm == pytest.approx(ppm, abs=10)


def test_drift_is_zero_until_it_is_known():
    estimator = DriftEstimator(RATE)
    for n, time in enumerate(arrivals(9, 80, 0)):
        estimator.observe((n + 1) * BLOCK, time)
    assert estimator.ppm == 0


def test_an_age_beyond_the_block_length_is_subtracted():
    clock = MicrophoneClock(RATE)
    for n, time in enumerate(arrivals(10, 0, 0)):
        clock.observe((n + 1) * BLOCK, BLOCK, time, 0.05 if n % 10 else 0.4)
    assert clock.time_of(RATE) == pytest.approx(1 - 0.03, abs=0.004)


@pytest.mark.parametrize("age", [0.005, math.nan])
def test_an_implausible_age_is_ignored(age):
    clock = MicrophoneClock(RATE)
    for n, time in enumerate(arrivals(10, 0, 0)):
        clock.observe((n + 1) * BLOCK, BLOCK, time, age)
    assert clock.time_of(RATE) == pytest.approx(1, abs=0.004)


def play(arrivals, frames=None):
    """Push block n at arrivals[n]; return the checked blocks and their return times."""
    detector = LossDetector(RATE)
    out = []
    for n, now in enumerate(arrivals):
        first = n * BLOCK if frames is None else frames[n]
        out += [(checked, now) for checked in detector.push(n, first, BLOCK, now)]
    return out


@given(
    st.integers(0, 2**32 - 1), st.floats(-100e-6, 100e-6), st.floats(0, 0.05)
)  # a seed, a drift, a jitter
@settings(max_examples=30)
def test_jitter_and_drift_cause_no_loss_and_hold_no_block(seed, drift, jitter):
    random = np.random.default_rng(seed)
    times = np.arange(1, 3000) * BLOCK / RATE * (1 + drift) + random.uniform(0, jitter, 2999)
    out = play(np.maximum.accumulate(times))
    assert [checked.block for checked, _ in out] == list(range(2999))
    assert all(checked.lost == 0 for checked, _ in out)


@given(st.floats(0.05, 0.9))
@settings(max_examples=20)
def test_a_stall_followed_by_a_burst_loses_nothing(stall):
    times = np.arange(1, 500) * BLOCK / RATE
    late = np.where(times > 4, np.maximum(times, 4 + stall), times)
    out = play(late)
    assert [checked.block for checked, _ in out] == list(range(499))
    assert all(checked.lost == 0 for checked, _ in out)


@given(st.floats(1.05 * MAX_JITTER_S, 5))
@settings(max_examples=20)
def test_samples_that_never_arrive_are_counted_at_their_place(gap):
    times = np.arange(1, 500) * BLOCK / RATE
    late = np.where(times > 4, times + gap, times)
    out = play(late)
    losses = {checked.block: checked.lost for checked, _ in out if checked.lost}
    [(block, lost)] = losses.items()
    assert block == 200
    assert lost == pytest.approx(gap * RATE, abs=0.02 * RATE)
    assert (
        max(now - late[checked.block] for checked, now in out) <= LOSS_DECISION_S + 2 * BLOCK / RATE
    )


def test_a_jump_of_frame_numbers_is_a_loss_at_once():
    times = np.arange(1, 100) * BLOCK / RATE
    frames = [n * BLOCK + (5000 if n > 50 else 0) for n in range(99)]
    out = play(times, frames)
    assert {checked.block: checked.lost for checked, _ in out if checked.lost} == {51: 5000}


def test_an_overflow_is_a_loss_of_at_least_one_frame():
    detector = LossDetector(RATE)
    detector.push("a", 0, BLOCK, 0.02)
    [checked] = detector.push("b", BLOCK, BLOCK, 0.04, overflow=True)
    assert checked.lost == 1
