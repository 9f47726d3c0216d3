"""Test the constant-Q view, which replaces the cochleagram in a separate cache."""

import numpy as np
import pytest

from damer.views import FrontEndSpec
from training.sound.constant_q import compute_constant_q, constant_q_cache
from training.sound.feature_cache import load_renditions
from training.sound.renditions import RECORDED

pytestmark = pytest.mark.long

SPEC = FrontEndSpec()


@pytest.fixture
def frames_of_both(make_piece, write_wave, tmp_path):
    """Frames of two seconds of A4 with the cochleagram and with the constant-Q view."""
    time = np.arange(2 * SPEC.sample_rate) / SPEC.sample_rate
    source = write_wave(tmp_path / "a4.wav", 0.3 * np.sin(2 * np.pi * 440.0 * time))
    work = [(make_piece("a4", source=source), RECORDED)]
    compute_constant_q(work, SPEC, tmp_path)
    caches = (tmp_path, constant_q_cache(tmp_path))
    return [load_renditions(work, SPEC, cache)[0].frames.astype(float) for cache in caches]


def test_the_mel_view_is_unchanged_and_the_other_view_differs(frames_of_both):
    gammatone, constant_q = frames_of_both
    assert gammatone.shape == constant_q.shape
    assert np.array_equal(gammatone[:, :128], constant_q[:, :128])
    assert not np.allclose(gammatone[:, 128:], constant_q[:, 128:], atol=0.1)


def test_a_tone_peaks_in_the_bin_of_its_pitch(frames_of_both):
    view = frames_of_both[1][40:-40, 128:].mean(axis=0)
    assert view.argmax() == 45  # A4 is 45 semitones above C1


def test_power_is_compressed_like_the_cochleagram(make_piece, write_wave, tmp_path):
    noise = 0.05 * np.random.default_rng(0).standard_normal(SPEC.sample_rate)
    work = [
        (make_piece(name, source=write_wave(tmp_path / f"{name}.wav", gain * noise)), RECORDED)
        for name, gain in (("quiet", 1.0), ("loud", 4.0))
    ]
    compute_constant_q(work, SPEC, tmp_path)
    quiet, loud = (
        one.frames[:, 128:].astype(float)
        for one in load_renditions(work, SPEC, constant_q_cache(tmp_path))
    )
    assert np.median(loud / quiet) == pytest.approx(4.0 ** (2 * SPEC.compression), rel=0.02)
