"""A stall is caught up with; a loss is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio.capture_clock import JUMP
from streamer.audio.microphone.capture_time import SETTLE, Continuity

RATE, BLOCK = 48000, 960


def play(arrivals, frames=None):
    """Push block n at arrivals[n]; give what came out, and when."""
    continuity = Continuity(RATE)
    out = []
    for n, now in enumerate(arrivals):
        first = n * BLOCK if frames is None else frames[n]
        out += [(heard, now) for heard in continuity.push(n, first, BLOCK, now)]
    return out


@given(
    st.integers(0, 2**32 - 1), st.floats(-100e-6, 100e-6), st.floats(0, 0.05)
)  # a seed, a drift, a jitter
@settings(max_examples=30, deadline=None)
def test_jitter_and_drift_are_no_loss_and_hold_nothing(seed, drift, jitter):
    random = np.random.default_rng(seed)
    times = np.arange(1, 3000) * BLOCK / RATE * (1 + drift) + random.uniform(0, jitter, 2999)
    out = play(np.maximum.accumulate(times))
    assert [heard.content for heard, _ in out] == list(range(2999))
    assert all(heard.lost == 0 for heard, _ in out)


@given(st.floats(0.05, 0.9))
@settings(max_examples=20, deadline=None)
def test_a_stall_that_is_caught_up_with_loses_nothing(stall):
    times = np.arange(1, 500) * BLOCK / RATE
    late = np.where(times > 4, np.maximum(times, 4 + stall), times)
    out = play(late)
    assert [heard.content for heard, _ in out] == list(range(499))
    assert all(heard.lost == 0 for heard, _ in out)


@given(st.floats(1.05 * JUMP, 5))
@settings(max_examples=20, deadline=None)
def test_what_never_came_is_counted_at_its_place(gap):
    times = np.arange(1, 500) * BLOCK / RATE
    late = np.where(times > 4, times + gap, times)
    out = play(late)
    losses = {heard.content: heard.lost for heard, _ in out if heard.lost}
    [(block, lost)] = losses.items()
    assert block == 200
    assert lost == pytest.approx(gap * RATE, abs=0.02 * RATE)
    assert max(now - late[heard.content] for heard, now in out) <= SETTLE + 2 * BLOCK / RATE


def test_numbers_that_jump_are_a_loss_at_once():
    times = np.arange(1, 100) * BLOCK / RATE
    frames = [n * BLOCK + (5000 if n > 50 else 0) for n in range(99)]
    out = play(times, frames)
    assert {heard.content: heard.lost for heard, _ in out if heard.lost} == {51: 5000}


def test_an_overflow_is_a_loss_of_unknown_length():
    continuity = Continuity(RATE)
    continuity.push("a", 0, BLOCK, 0.02)
    [heard] = continuity.push("b", BLOCK, BLOCK, 0.04, overflow=True)
    assert heard.lost == 1
