import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.tracking.silence_gate import FLOOR_DBFS, SilenceGate

RATE, HOP = 22050, 256


def tone(level, seconds, *, frequency=1000.0):
    """A sine whose RMS is `level` dBFS."""
    time = np.arange(round(seconds * RATE)) / RATE
    amplitude = math.sqrt(2) * 10 ** (level / 20)
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def closing_time(level):
    """Seconds until a gate closes after music; None if it does not within 3."""
    gate = SilenceGate(RATE, HOP)
    gate.push(tone(-20, 1))
    for step in range(3 * RATE // HOP):
        gate.push(tone(level, HOP / RATE + 1e-6)[:HOP])
        if gate.silent:
            return step * HOP / RATE
    return None


def test_the_level_is_the_rms_in_dbfs():
    gate = SilenceGate(RATE, HOP)
    for level in (-6, -20, -58):
        gate.push(tone(level, 0.5))
        assert gate.level == pytest.approx(level, abs=0.1)


def test_the_level_of_digital_silence_is_the_floor():
    gate = SilenceGate(RATE, HOP)
    assert gate.level == FLOOR_DBFS
    gate.push(np.zeros(RATE, np.float32))
    assert gate.level == FLOOR_DBFS


def test_the_level_depends_on_the_last_200_ms_only():
    gate = SilenceGate(RATE, HOP)
    gate.push(tone(-10, 1))
    gate.push(tone(-50, 0.2))
    assert gate.level == pytest.approx(-50, abs=0.1)


def test_it_closes_after_one_second_below_60_dbfs():
    assert closing_time(-61) == pytest.approx(1.1, abs=0.06)  # the level itself takes 100 ms


@pytest.mark.parametrize("level", [-59, -40])
def test_it_stays_open_above_60_dbfs(level):
    assert closing_time(level) is None


def test_a_sound_within_the_second_keeps_it_open():
    gate = SilenceGate(RATE, HOP)
    gate.push(tone(-20, 1))
    for _ in range(4):
        gate.push(np.zeros(round(0.8 * RATE), np.float32))
        gate.push(tone(-40, 0.1))
        assert not gate.silent


def test_a_closed_gate_opens_only_above_55_dbfs():
    gate = SilenceGate(RATE, HOP)
    gate.push(np.zeros(2 * RATE, np.float32))
    gate.push(tone(-57, 2))
    assert gate.silent
    gate.push(tone(-54, 0.15))
    assert not gate.silent
    gate.push(tone(-57, 2))
    assert not gate.silent


def test_music_opens_it_at_once():
    gate = SilenceGate(RATE, HOP)
    gate.push(np.zeros(2 * RATE, np.float32))
    gate.push(tone(-20, 0.03))
    assert not gate.silent


def test_it_is_open_at_first():
    assert not SilenceGate(RATE, HOP).silent


@settings(max_examples=30)
@given(sizes=st.lists(st.integers(1, 2 * RATE), min_size=1, max_size=20))
def test_block_sizes_do_not_change_the_level(sizes):
    levels = (-20, -70, -57, -30)
    sound = np.concatenate([tone(level, 0.7) for level in levels])
    whole, parts = SilenceGate(RATE, HOP), SilenceGate(RATE, HOP)
    begin = 0
    for size in sizes:
        whole_part = sound[begin : begin + size]
        parts.push(whole_part)
        begin += len(whole_part)
    whole.push(sound[:begin])
    assert (parts.level, parts.silent) == (whole.level, whole.silent)
