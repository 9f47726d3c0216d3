"""Test the log-Mel view against librosa, with zeros before the first sample."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from damer.views import FrontEnd
from damer.views.mel import hz_to_mel, mel_filters, mel_to_hz

pytestmark = pytest.mark.long  # librosa compiles itself for a minute
CLIPS = Path(__file__).parents[4] / "shared/data/musemodataset/audio"


def assert_parity(signal, spec):
    """Compare power with librosa's, both clipped to the floor."""
    past = np.zeros(spec.fft_size - spec.hop)
    reference = librosa.feature.melspectrogram(
        y=np.concatenate([past, signal.astype(np.float64)]),
        sr=spec.sample_rate,
        n_fft=spec.fft_size,
        hop_length=spec.hop,
        window="hann",
        center=False,
        power=2.0,
        n_mels=spec.mel_bands,
        fmin=spec.mel_low,
        fmax=spec.mel_high,
        htk=False,
        norm="slaney",
    ).T
    mel = FrontEnd(spec).push(signal).mel
    assert mel.shape == reference.shape
    np.testing.assert_allclose(
        np.exp(mel.astype(np.float64)),
        np.maximum(reference, spec.mel_floor),
        rtol=1e-4,
        atol=1e-8,
    )


@pytest.mark.parametrize("kind", ["noise", "faint noise", "tones", "clicks"])
def test_power_equals_that_of_librosa(signals, kind, spec):
    assert_parity(signals[kind], spec)


def test_power_of_real_music_equals_that_of_librosa(spec):
    clips = sorted(CLIPS.glob("*.wav"))[::40]
    if not clips:
        pytest.skip(f"no clips in {CLIPS}")
    for clip in clips:
        signal, rate = soundfile.read(clip, dtype="float32")
        assert rate == spec.sample_rate
        assert_parity(signal, spec)


def test_filters_equal_those_of_librosa(spec):
    reference = librosa.filters.mel(
        sr=spec.sample_rate,
        n_fft=spec.fft_size,
        n_mels=spec.mel_bands,
        fmin=spec.mel_low,
        fmax=spec.mel_high,
        htk=False,
        norm="slaney",
        dtype=np.float64,
    )
    np.testing.assert_allclose(mel_filters(spec), reference, rtol=1e-9, atol=1e-14)


def test_every_filter_has_a_nonzero_bin(spec):
    assert (mel_filters(spec).sum(axis=1) > 0).all()


def test_the_mel_scale_equals_that_of_librosa_and_inverts():
    hertz = np.linspace(0.0, 11025.0, 500)
    np.testing.assert_allclose(hz_to_mel(hertz), librosa.hz_to_mel(hertz), rtol=1e-12)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hertz)), hertz, rtol=1e-12)


def test_silence_is_the_floor(spec):
    mel = FrontEnd(spec).push(np.zeros(4096, dtype=np.float32)).mel
    assert (mel == np.float32(np.log(spec.mel_floor))).all()
