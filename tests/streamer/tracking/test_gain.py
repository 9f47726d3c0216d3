import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.tracking.gain import AUTO_GAIN_RANGE_DB, REFERENCE_DBFS, Gain

RATE = 22050


def noise(decibels, seconds, seed=0):
    sound = np.random.default_rng(seed).normal(0, 10 ** (decibels / 20), round(seconds * RATE))
    return sound.astype(np.float32)


def after(*passages, **options):
    """Automatic gain after passages of noise, each (dBFS, seconds)."""
    gain = Gain(RATE, automatic=True, **options)
    for decibels, seconds in passages:
        gain.push(noise(decibels, seconds))
    return gain.gain_db


def test_without_gain_the_samples_are_not_copied():
    sound = noise(-20, 0.1)
    assert Gain(RATE).push(sound) is sound


@pytest.mark.parametrize("decibels", [-20, -6.02, 14.8, 30])
def test_a_fixed_gain_multiplies(decibels):
    sound = noise(-40, 0.1)
    amplified = Gain(RATE, decibels).push(sound)
    np.testing.assert_allclose(amplified, sound * 10 ** (decibels / 20), rtol=1e-6)
    assert amplified.dtype == np.float32


@given(cuts=st.lists(st.integers(1, 9000), max_size=12))
def test_block_sizes_do_not_change_a_bit(cuts):
    sound = np.concatenate([noise(-12, 0.5), noise(-45, 0.5)])
    whole = Gain(RATE, 3.0, automatic=True).push(sound)
    gain = Gain(RATE, 3.0, automatic=True)
    parts = [gain.push(part) for part in np.split(sound, np.unique(np.minimum(cuts, len(sound))))]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


class TestAutomatic:
    def test_quiet_music_is_amplified_slowly(self):
        quiet = REFERENCE_DBFS - 8
        assert after((quiet, 60)) == pytest.approx(1.2, abs=0.1)
        assert after((quiet, 600)) == pytest.approx(8, abs=0.5)

    def test_loud_music_is_attenuated_within_a_minute(self):
        assert after((REFERENCE_DBFS + 6, 60)) == pytest.approx(-6, abs=0.5)

    @pytest.mark.parametrize("drop", [6, 20, 40])
    def test_a_quiet_passage_raises_the_gain_little_however_quiet(self, drop):
        before = after((REFERENCE_DBFS, 60))
        passage = after((REFERENCE_DBFS, 60), (REFERENCE_DBFS - drop, 60))
        assert passage - before <= 1.3

    def test_a_tenth_of_loud_music_keeps_the_gain(self):
        song = [(REFERENCE_DBFS + 1, 1.2), (REFERENCE_DBFS - 12, 8.8)] * 20
        assert abs(after(*song)) < 1.5

    def test_silence_changes_nothing(self):
        assert after((-75, 300)) == 0

    @pytest.mark.parametrize(
        ("decibels", "bound"), [(-50, AUTO_GAIN_RANGE_DB), (0, -AUTO_GAIN_RANGE_DB)]
    )
    def test_it_stays_in_its_range(self, decibels, bound):
        assert after((decibels, 900)) == pytest.approx(bound)

    def test_it_starts_from_the_fixed_gain(self):
        assert after((REFERENCE_DBFS - 15, 120), gain_db=15) == pytest.approx(15, abs=0.3)

    def test_only_a_new_fixed_gain_restarts_it(self):
        gain = Gain(RATE, automatic=True)
        gain.push(noise(0, 30))
        moved = gain.gain_db
        gain.reset()
        assert gain.gain_db == moved < -1
        gain.set_fixed(2.0)
        assert gain.gain_db == 2.0
