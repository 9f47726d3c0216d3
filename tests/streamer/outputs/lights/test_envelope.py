"""How quickly a light follows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.outputs.lights.fixture import Envelope

seconds = st.floats(0.01, 60)


@given(seconds, seconds, st.integers(1, 200))
def test_after_its_time_constant_63_percent_are_done_at_any_frame_rate(attack, release, frames):
    rising, falling = Envelope(attack, release, [0.0]), Envelope(attack, release, [1.0])
    for _ in range(frames):
        rising.step([1.0], attack / frames)
        falling.step([0.0], release / frames)
    assert rising.values[0] == pytest.approx(1 - math.exp(-1))
    assert falling.values[0] == pytest.approx(math.exp(-1))


@given(seconds, st.lists(st.floats(0.001, 0.2), min_size=1, max_size=50))
def test_uneven_frames_end_where_even_ones_do(attack, frames):
    uneven, once = Envelope(attack, 1.0, [0.0]), Envelope(attack, 1.0, [0.0])
    for frame in frames:
        uneven.step([1.0], frame)
    once.step([1.0], sum(frames))
    assert uneven.values == pytest.approx(once.values)


@given(st.lists(st.floats(0, 1), min_size=1), seconds, seconds, st.floats(0, 100))
def test_it_stays_between_value_and_target(targets, attack, release, time):
    envelope = Envelope(attack, release, [0.5] * len(targets))
    envelope.step(targets, time)
    for value, target in zip(envelope.values, targets, strict=True):
        assert min(0.5, target) - 1e-12 <= value <= max(0.5, target) + 1e-12


def test_no_time_constant_jumps():
    envelope = Envelope(0, 0, [0.2, 0.8])
    envelope.step([1.0, 0.0], 0.001)
    assert envelope.values == [1.0, 0.0]
