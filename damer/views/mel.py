"""The first view: an incremental log-Mel spectrogram."""

import math

import numpy as np
from numpy.typing import NDArray

from damer.views._kernel import kernel
from damer.views.spec import FrontEndSpec

_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
_LOG_STEP = math.log(6.4) / 27.0


def hz_to_mel(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's Mel scale: linear below 1 kHz, logarithmic above (Auditory Toolbox, 1998)."""
    above = np.maximum(frequency, _BREAK_HZ)
    return np.where(
        frequency < _BREAK_HZ,
        frequency * 3.0 / 200.0,
        _BREAK_MEL + np.log(above / _BREAK_HZ) / _LOG_STEP,
    )


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of `hz_to_mel`."""
    above = np.maximum(mel, _BREAK_MEL)
    return np.where(
        mel < _BREAK_MEL,
        mel * 200.0 / 3.0,
        _BREAK_HZ * np.exp(_LOG_STEP * (above - _BREAK_MEL)),
    )


def mel_filters(spec: FrontEndSpec) -> NDArray[np.float64]:
    """Triangular Slaney filters of equal area, shape (mel_bands, fft_size // 2 + 1)."""
    ends = hz_to_mel(np.array([spec.mel_low, spec.mel_high]))
    edges = mel_to_hz(np.linspace(ends[0], ends[1], spec.mel_bands + 2))
    bins = np.fft.rfftfreq(spec.fft_size, 1.0 / spec.sample_rate)
    widths = np.diff(edges)[:, None]
    ramps = edges[:, None] - bins
    rising = -ramps[:-2] / widths[:-1]
    falling = ramps[2:] / widths[1:]
    area = 2.0 / (edges[2:] - edges[:-2])[:, None]
    return np.maximum(0.0, np.minimum(rising, falling)) * area


@kernel("void(f8[::1], i8, f8[::1], f8[:,::1])")
def _cut(signal, hop, hann, windows):  # type: ignore[no-untyped-def]
    for frame in range(windows.shape[0]):
        for k in range(windows.shape[1]):
            windows[frame, k] = signal[frame * hop + k] * hann[k]


@kernel("void(c16[:,::1], f8[::1], i8[::1], i8[::1], f8, f4[:,::1])")
def _project(spectra, weights, first, offset, floor, out):  # type: ignore[no-untyped-def]
    # Each filter's sum runs over its own non-zero bins in rising order: a matrix product would
    # round differently for different numbers of frames.
    power = np.empty(spectra.shape[1])
    for frame in range(spectra.shape[0]):
        for k in range(spectra.shape[1]):
            real = spectra[frame, k].real
            imag = spectra[frame, k].imag
            power[k] = real * real + imag * imag
        for band in range(first.shape[0]):
            total = 0.0
            for k in range(offset[band], offset[band + 1]):
                total += weights[k] * power[first[band] + k - offset[band]]
            out[frame, band] = math.log(max(total, floor))


class LogMel:
    """Incremental log-Mel spectrogram.

    Frame k covers the `fft_size` samples before sample (k + 1) * hop, the past being zeros at the
    start: periodic Hann window, power spectrum in double precision, Slaney Mel filters, natural
    logarithm. Equal to librosa's `melspectrogram(center=False)` on the signal with
    `fft_size - hop` zeros before it.

    Not thread-safe; one object for each stream.
    """

    def __init__(self, spec: FrontEndSpec) -> None:
        self._spec = spec
        angle = 2.0 * np.pi * np.arange(spec.fft_size) / spec.fft_size
        self._hann = 0.5 - 0.5 * np.cos(angle)
        filters = mel_filters(spec)
        spans = [np.flatnonzero(row) for row in filters]
        self._first = np.array([span[0] if len(span) else 0 for span in spans], dtype=np.int64)
        lengths = [0, *(len(span) for span in spans)]
        self._offset = np.cumsum(lengths, dtype=np.int64)
        self._weights = np.concatenate(
            [row[span] for row, span in zip(filters, spans, strict=True)]
        )
        self.reset()

    def reset(self) -> None:
        """Forget the past: what follows begins after digital silence."""
        self._past = np.zeros(self._spec.fft_size - self._spec.hop)

    def push(self, hops: NDArray[np.float64]) -> NDArray[np.float32]:
        """Take whole hops of samples, shape (n, hop); give their frames, shape (n, mel_bands)."""
        spec = self._spec
        signal = np.concatenate((self._past, hops.ravel()))
        self._past = signal[len(signal) - (spec.fft_size - spec.hop) :]
        windows = np.empty((len(hops), spec.fft_size))
        _cut(signal, spec.hop, self._hann, windows)
        spectra = np.fft.rfft(windows)
        frames = np.empty((len(hops), spec.mel_bands), dtype=np.float32)
        _project(spectra, self._weights, self._first, self._offset, spec.mel_floor, frames)
        return frames
