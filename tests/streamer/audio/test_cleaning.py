"""Replace non-finite samples, clip to full scale and count both."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from streamer.audio.cleaning import Cleaner

anything = hnp.arrays(
    np.float32, st.integers(0, 200), elements=st.floats(width=32, allow_subnormal=False)
)


@given(anything)
def test_any_float_input_becomes_finite_and_within_full_scale(samples: np.ndarray) -> None:
    before = samples.copy()
    cleaner = Cleaner()
    cleaned = cleaner.clean(samples)
    assert cleaned.dtype == np.float32
    assert cleaned.shape == samples.shape
    assert np.isfinite(cleaned).all()
    assert (np.abs(cleaned) <= 1).all()
    assert np.array_equal(samples, before, equal_nan=True)
    assert cleaner.non_finite == np.count_nonzero(~np.isfinite(samples))
    quiet = np.abs(samples) < 0.99
    assert np.array_equal(cleaned[quiet], samples[quiet])


def test_non_finite_and_clipped_samples_are_counted_over_calls() -> None:
    cleaner = Cleaner()
    dirty = np.array([0.5, np.nan, np.inf, -np.inf, 1.0, -1.0, 3.0, -0.99], np.float32)
    for _ in range(2):
        cleaned = cleaner.clean(dirty)
    assert cleaned.tolist() == [0.5, 0, 0, 0, 1, -1, 1, np.float32(-0.99)]
    assert (cleaner.non_finite, cleaner.clipped) == (6, 6)


def test_both_ends_of_the_16_bit_range_count_as_clipped() -> None:
    cleaner = Cleaner()
    cleaner.clean(np.array([32767, -32768, 32766, -32767], np.float32) / 32768)
    assert cleaner.clipped == 3


def test_clean_samples_are_not_copied() -> None:
    cleaned = np.linspace(-0.9, 0.9, 50, dtype=np.float32)
    assert Cleaner().clean(cleaned) is cleaned


def test_a_double_beyond_single_precision_is_non_finite() -> None:
    cleaner = Cleaner()
    assert cleaner.clean(np.array([1e300, 0.25])).tolist() == [0, 0.25]
    assert cleaner.non_finite == 1
