"""Capture times and drift, estimated from the arrival of samples."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio.capture_clock import CaptureClock, PlaybackClock

START = 12345.0


def follow(
    clock: CaptureClock, rate: int, ppm: float, jitter: float, seconds: float, seed: int
) -> tuple[int, float]:
    """Observe a card `ppm` too fast about every 20 ms; return the last sample and its time."""
    generator = np.random.default_rng(seed)
    sample = 0
    while sample < seconds * rate:
        sample += int(generator.integers(rate // 100, rate // 33))
        time = START + sample / (rate * (1 + ppm * 1e-6))
        clock.observe(sample, time + generator.uniform(-jitter, jitter))
    return sample, START + sample / (rate * (1 + ppm * 1e-6))


@given(
    rate=st.sampled_from([8000, 22050, 44100, 48000, 192000]),
    ppm=st.floats(-100, 100),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=15)
def test_drift_is_estimated_under_jitter(rate: int, ppm: float, seed: int) -> None:
    clock = CaptureClock(rate)
    sample, time = follow(clock, rate, ppm, 0.005, 150, seed)
    assert clock.drift_ppm == pytest.approx(ppm, abs=10)
    assert clock.time_of(sample) == pytest.approx(time, abs=1e-3)
    assert clock.jumps == 0


@pytest.mark.parametrize("ppm", [-100.0, 0.0, 100.0])
def test_without_jitter_drift_is_exact(ppm: float) -> None:
    clock = CaptureClock(48000)
    follow(clock, 48000, ppm, 0.0, 20, 1)
    assert clock.drift_ppm == pytest.approx(ppm, abs=0.1)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_time_is_accurate_from_the_first_second(seed: int) -> None:
    clock = CaptureClock(44100)
    sample, time = follow(clock, 44100, 50, 0.005, 1, seed)
    assert clock.time_of(sample) == pytest.approx(time, abs=0.006)
    assert clock.drift_ppm == 0


def test_times_between_observations_are_interpolated() -> None:
    clock = CaptureClock(1000)
    for sample in range(0, 20001, 20):
        clock.observe(sample, START + sample / 1000)
    assert clock.time_of(12345) == pytest.approx(START + 12.345)
    assert clock.time_of(0.5) == pytest.approx(START + 0.0005)


def test_a_stall_resets_the_phase_and_keeps_the_rate() -> None:
    clock = CaptureClock(48000)
    sample, time = follow(clock, 48000, 80, 0.001, 60, 3)
    drift = clock.drift_ppm
    for k in range(1, 101):
        clock.observe(sample + 960 * k, time + 3 + 0.02 * k)
    assert clock.jumps == 1
    assert clock.drift_ppm == pytest.approx(drift, abs=10)
    assert clock.time_of(sample + 96000) == pytest.approx(time + 5, abs=2e-3)


def test_an_observation_that_does_not_advance_is_ignored() -> None:
    clock = CaptureClock(48000)
    assert math.isnan(clock.time_of(0))
    clock.observe(960, START)
    clock.observe(960, START + 0.1)
    clock.observe(0, START + 0.1)
    assert clock.time_of(960) == START


@given(st.integers(8000, 384000), st.integers(0, 10**9))
def test_the_playback_clock_is_exact(rate: int, sample: int) -> None:
    clock = PlaybackClock(rate)
    assert math.isnan(clock.time_of(sample))
    clock.anchor(0, START)
    assert clock.time_of(sample) == START + sample / rate
    assert clock.drift_ppm == 0


def test_a_new_anchor_keeps_earlier_times() -> None:
    clock = PlaybackClock(1000)
    clock.anchor(0, 100.0)
    clock.anchor(500, 110.0)
    assert clock.time_of(499) == 100.499
    assert clock.time_of(600) == 110.1
