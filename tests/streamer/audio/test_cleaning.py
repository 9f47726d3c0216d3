import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from streamer.audio import Cleaner

anything = hnp.arrays(
    np.float32, st.integers(0, 200), elements=st.floats(width=32, allow_subnormal=False)
)


@given(anything)
@settings(deadline=None)
def test_whatever_comes_in_sound_goes_out(samples: np.ndarray) -> None:
    before = samples.copy()
    cleaner = Cleaner()
    sound = cleaner.clean(samples)
    assert sound.dtype == np.float32
    assert sound.shape == samples.shape
    assert np.isfinite(sound).all()
    assert (np.abs(sound) <= 1).all()
    assert np.array_equal(samples, before, equal_nan=True)
    assert cleaner.non_finite == np.count_nonzero(~np.isfinite(samples))
    quiet = np.abs(samples) < 0.99
    assert np.array_equal(sound[quiet], samples[quiet])


def test_every_kind_of_dirt_is_counted_and_counts_add_up() -> None:
    cleaner = Cleaner()
    dirty = np.array([0.5, np.nan, np.inf, -np.inf, 1.0, -1.0, 3.0, -0.99], np.float32)
    for _ in range(2):
        sound = cleaner.clean(dirty)
    assert sound.tolist() == [0.5, 0, 0, 0, 1, -1, 1, np.float32(-0.99)]
    assert (cleaner.non_finite, cleaner.clipped) == (6, 6)


def test_both_ends_of_16_bits_count_as_clipped() -> None:
    cleaner = Cleaner()
    cleaner.clean(np.array([32767, -32768, 32766, -32767], np.float32) / 32768)
    assert cleaner.clipped == 3


def test_clean_sound_is_not_copied() -> None:
    sound = np.linspace(-0.9, 0.9, 50, dtype=np.float32)
    assert Cleaner().clean(sound) is sound


def test_a_double_beyond_single_precision_is_no_number() -> None:
    cleaner = Cleaner()
    assert cleaner.clean(np.array([1e300, 0.25])).tolist() == [0, 0.25]
    assert cleaner.non_finite == 1
