"""Test that frames are bit-identical for all block sizes."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from damer.views import FrontEnd, FrontEndSpec

SPEC = FrontEndSpec()
TWO_SECONDS = 2 * SPEC.sample_rate


def tone(length, random):
    hertz = random.uniform(30.0, 11000.0)
    return random.uniform(0.0, 1.0) * np.sin(
        2 * np.pi * hertz / SPEC.sample_rate * np.arange(length)
    )


def clicks(length, random):
    signal = np.zeros(length)
    signal[random.integers(0, max(length, 1), size=min(length, 20))] = random.uniform(-1, 1)
    return signal


def decay(length, random):
    """Return a tone that decays from full scale through float32 denormals to zero."""
    envelope = np.exp(-np.arange(length) * (110.0 / max(length, 1)))
    return envelope * tone(length, random)


KINDS = {
    "noise": lambda length, random: random.uniform(-1, 1, length),
    "tone": tone,
    "clicks": clicks,
    "silence": lambda length, random: np.zeros(length),
    "denormals": lambda length, random: 1e-40 * random.standard_normal(length),
    "decay": decay,
    "burst, then silence": lambda length, random: np.where(
        np.arange(length) < 500, random.uniform(-1, 1, length), 0.0
    ),
}


@st.composite
def signals(draw, longest=TWO_SECONDS):
    """Generate up to two concatenated signals of different kinds."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=2))
    parts = [KINDS[kind](draw(st.integers(0, longest // 2)), random) for kind in kinds]
    return np.concatenate(parts).astype(np.float32)


block_lengths = st.lists(
    st.one_of(
        st.sampled_from([0, 1, 2, 255, 256, 257, 511, 2047, 2048, 2049, 16384, TWO_SECONDS]),
        st.integers(0, 40),
        st.integers(0, 5000),
        st.integers(0, TWO_SECONDS),
    ),
    min_size=1,
    max_size=40,
)


def in_blocks(front_end, signal, lengths):
    """Push the signal in blocks of the given lengths, repeated."""
    frames = [front_end.push(signal[:0])]
    position = 0
    for length in itertools.cycle([*lengths, 1]):
        if position >= len(signal):
            break
        frames.append(front_end.push(signal[position : position + length]))
        position += length
    return [np.concatenate(view) for view in zip(*frames, strict=True)]


def assert_same_bits(one, other):
    for left, right in zip(one, other, strict=True):
        assert left.dtype == right.dtype == np.float32
        assert np.array_equal(left.view(np.uint32), right.view(np.uint32))


@given(signal=signals(), lengths=block_lengths)
@settings(max_examples=60)
@example(signal=np.linspace(-1, 1, 3000, dtype=np.float32), lengths=[1])
@example(signal=np.linspace(-1, 1, 3000, dtype=np.float32), lengths=[0, 1, 0, 0, 255])
@example(signal=np.linspace(-1, 1, TWO_SECONDS, dtype=np.float32), lengths=[TWO_SECONDS])
@example(signal=np.zeros(0, dtype=np.float32), lengths=[0])
def test_blocks_of_any_size_give_the_frames_of_one_block(signal, lengths):
    in_one_block = FrontEnd(SPEC).push(signal)
    assert_same_bits(in_blocks(FrontEnd(SPEC), signal, lengths), in_one_block)


def test_twenty_seconds_in_uneven_blocks_give_the_frames_of_one_block():
    random = np.random.default_rng(7)
    signal = random.uniform(-1, 1, 20 * SPEC.sample_rate).astype(np.float32)
    signal[5 * SPEC.sample_rate : 12 * SPEC.sample_rate] = 0.0
    lengths = random.integers(0, TWO_SECONDS, size=50).tolist()
    assert_same_bits(in_blocks(FrontEnd(SPEC), signal, lengths), FrontEnd(SPEC).push(signal))


@given(signal=signals(longest=20000))
@settings(max_examples=25)
def test_there_is_a_frame_for_each_full_hop(signal):
    frames = FrontEnd(SPEC).push(signal)
    count = len(signal) // SPEC.hop
    assert frames.mel.shape == (count, SPEC.mel_bands)
    assert frames.cochleagram.shape == (count, SPEC.gammatone_channels)


@given(before=signals(longest=20000), signal=signals(longest=20000))
@settings(max_examples=25)
def test_a_reset_discards_all_state(before, signal):
    front_end = FrontEnd(SPEC)
    front_end.push(before)
    front_end.reset()
    assert_same_bits(front_end.push(signal), FrontEnd(SPEC).push(signal))


@given(signal=signals(longest=20000), more=signals(longest=20000))
@settings(max_examples=25)
def test_later_samples_change_no_earlier_frame(signal, more):
    without_later = FrontEnd(SPEC).push(signal)
    longer = FrontEnd(SPEC).push(np.concatenate([signal, more]))
    assert_same_bits([view[: len(without_later.mel)] for view in longer], without_later)


@given(signal=signals())
@settings(max_examples=25)
def test_all_frames_are_finite_and_in_range(signal):
    frames = FrontEnd(SPEC).push(signal)
    assert np.isfinite(frames.mel).all()
    assert (frames.mel >= np.float32(np.log(SPEC.mel_floor))).all()
    assert np.isfinite(frames.cochleagram).all()
    assert (frames.cochleagram >= 0).all()


@pytest.mark.parametrize("length", [100, 300, 5000])
def test_a_block_may_be_overwritten_after_the_push(length):
    random = np.random.default_rng(1)
    signal = random.uniform(-1, 1, 20 * length).astype(np.float32)
    front_end, block, pushed = FrontEnd(SPEC), np.empty(length, dtype=np.float32), []
    for start in range(0, len(signal), length):
        block[:] = signal[start : start + length]
        pushed.append(front_end.push(block))
        block[:] = np.nan
    views = [np.concatenate(view) for view in zip(*pushed, strict=True)]
    assert_same_bits(views, FrontEnd(SPEC).push(signal))


def test_returned_frames_do_not_change_later():
    random = np.random.default_rng(2)
    front_end = FrontEnd(SPEC)
    first = front_end.push(random.uniform(-1, 1, 4096).astype(np.float32))
    kept = [view.copy() for view in first]
    for view in front_end.push(random.uniform(-1, 1, 4096).astype(np.float32)):
        view[:] = 0.0
    assert_same_bits(first, kept)
