"""Resample audio to the zone rate in blocks: alignment, pass band, look-ahead, reset."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio import Resampler, zone_sample

RATES = (8000, 11025, 16000, 22050, 32000, 44099, 44100, 48000, 96000, 192000)
NOISE = np.random.default_rng(5).uniform(-0.5, 0.5, 20000).astype(np.float32)


def split(samples: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    return np.split(samples, np.cumsum(sizes))


def one_shot(rate: int, samples: np.ndarray) -> np.ndarray:
    resampler = Resampler(rate)
    return np.concatenate([resampler.push(samples), resampler.flush()])


@given(
    st.sampled_from(RATES),
    st.one_of(
        st.lists(st.integers(0, 5000), max_size=30),
        st.lists(st.integers(0, 3), max_size=300),
    ),
)
@settings(max_examples=60)
def test_block_sizes_do_not_change_the_samples(rate: int, sizes: list[int]) -> None:
    resampler = Resampler(rate)
    parts = [resampler.push(part) for part in split(NOISE, sizes)]
    assert np.array_equal(np.concatenate([*parts, resampler.flush()]), one_shot(rate, NOISE))


@pytest.mark.parametrize("rate", RATES)
def test_a_reset_or_a_flush_drops_all_state(rate: int) -> None:
    resampler = Resampler(rate)
    resampler.push(-NOISE[:7777])
    resampler.reset()
    again = np.concatenate([resampler.push(NOISE), resampler.flush()])
    assert np.array_equal(again, one_shot(rate, NOISE))
    assert np.array_equal(
        np.concatenate([resampler.push(NOISE), resampler.flush()]), one_shot(rate, NOISE)
    )


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 192000])
def test_output_is_aligned_with_input(rate: int) -> None:
    time = np.arange(rate) / rate
    resampled = one_shot(rate, (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32))
    assert len(resampled) == 22050
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050)
    assert resampled[2000:-2000] == pytest.approx(expected[2000:-2000], abs=1e-3)


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
@pytest.mark.parametrize(("hertz", "gain"), [(50, 1.0), (10000, 1.0), (11200, 0.0), (17000, 0.0)])
def test_only_tones_below_the_nyquist_frequency_pass(rate: int, hertz: float, gain: float) -> None:
    tone = np.sqrt(2) * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)
    resampled = one_shot(rate, tone.astype(np.float32))[1000:-1000]
    assert np.sqrt(np.mean(resampled**2)) == pytest.approx(gain, abs=1e-3 if gain else 1e-4)


@pytest.mark.parametrize("rate", RATES)
def test_the_delay_is_the_input_held_back(rate: int) -> None:
    resampler = Resampler(rate)
    assert resampler.delay == 0
    size = max(rate // 50, 1)
    pushed, out = 0, 0
    for _ in range(100):
        pushed += size
        out += len(resampler.push(np.zeros(size, np.float32)))
        assert resampler.delay == pytest.approx(max(pushed / rate - out / 22050, 0))
        assert resampler.delay < max(0.0039, 161 / rate)
    resampler.flush()
    assert resampler.delay == 0


@pytest.mark.parametrize("rate", RATES)
def test_it_needs_no_more_lookahead_than_it_reports(rate: int) -> None:
    resampler = Resampler(rate)
    pushed = out = 0
    for size in np.random.default_rng(0).integers(1, rate // 100, 400):
        out += len(resampler.push(np.zeros(size, np.float32)))
        pushed += size
        if pushed > rate / 10:
            assert out >= (pushed - resampler.lookahead) * 22050 // rate


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
@pytest.mark.parametrize("length", [1, 7, 200, 300, 1000])
def test_a_short_input_is_flushed_completely(rate: int, length: int) -> None:
    assert len(one_shot(rate, NOISE[:length])) == -(-length * 22050 // rate)


def test_at_the_zone_rate_samples_pass_unchanged() -> None:
    resampler = Resampler(22050)
    assert resampler.push(NOISE) is NOISE
    assert len(resampler.flush()) == 0


def test_zone_samples_are_rounded_down_exactly() -> None:
    assert zone_sample(0, 48000) == 0
    assert zone_sample(44100, 44100) == 22050
    assert zone_sample(3, 44100) == 1
    assert zone_sample(10**15 + 1, 48000) == (10**15 + 1) * 22050 // 48000
