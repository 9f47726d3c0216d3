"""Reverberation of a small concert room for the dry synthesizer output."""

import numpy as np
from numpy.typing import NDArray

Stereo = NDArray[np.float64]
"""Shape (samples, 2)."""

_SEED = 1807
_DECAY_S = 1.5
_PRE_DELAY_S = 0.018
_WET_DB = -13.0
_LOW_HZ, _HIGH_HZ = 180.0, 5500.0


def impulse_response(rate: int) -> Stereo:
    """Return the impulse response: band-limited noise that decays by 60 dB in 1.5 s.

    The energy is 1 per channel. Independent channels give stereo width.
    """
    count = int(rate * _DECAY_S)
    noise = np.random.default_rng(_SEED).standard_normal((count, 2))
    noise *= 10.0 ** (-3.0 * np.arange(count) / count)[:, None]
    spectrum = np.fft.rfft(noise, axis=0)
    hertz = np.fft.rfftfreq(count, 1 / rate)
    band = 1 / (1 + (_LOW_HZ / np.maximum(hertz, 1e-9)) ** 4) / (1 + (hertz / _HIGH_HZ) ** 4)
    tail = np.fft.irfft(spectrum * band[:, None], count, axis=0)
    tail /= np.sqrt((tail**2).sum(axis=0))
    return np.concatenate([np.zeros((int(rate * _PRE_DELAY_S), 2)), tail])


def place(dry: Stereo, rate: int) -> Stereo:
    """Add reverberation to a dry signal, cut to its length."""
    response = impulse_response(rate)
    size = 1 << (len(dry) + len(response) - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(dry, size, axis=0) * np.fft.rfft(response, size, axis=0), axis=0)
    placed: Stereo = dry + 10 ** (_WET_DB / 20) * wet[: len(dry)]
    return placed
