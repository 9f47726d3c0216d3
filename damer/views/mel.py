"""Log-Mel spectrogram, computed incrementally."""

import math

import numpy as np
from numpy.typing import NDArray

from damer.views._kernel import kernel
from damer.views.spec import FrontEndSpec

_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
_LOG_STEP = math.log(6.4) / 27.0


def hz_to_mel(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert Hz to Slaney's Mel scale: linear below 1 kHz, logarithmic above (1998)."""
    above = np.maximum(frequency, _BREAK_HZ)
    return np.where(
        frequency < _BREAK_HZ,
        frequency * 3.0 / 200.0,
        _BREAK_MEL + np.log(above / _BREAK_HZ) / _LOG_STEP,
    )


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert Slaney Mel to Hz; inverse of `hz_to_mel`."""
    above = np.maximum(mel, _BREAK_MEL)
    return np.where(
        mel < _BREAK_MEL,
        mel * 200.0 / 3.0,
        _BREAK_HZ * np.exp(_LOG_STEP * (above - _BREAK_MEL)),
    )


def mel_filters(spec: FrontEndSpec) -> NDArray[np.float64]:
    """Return triangular Slaney filters of equal area, shape (mel_bands, fft_size // 2 + 1)."""
    edges, bins = _edges(spec), _bins(spec)
    widths = np.diff(edges)[:, None]
    ramps = edges[:, None] - bins
    rising = -ramps[:-2] / widths[:-1]
    falling = ramps[2:] / widths[1:]
    area = 2.0 / (edges[2:] - edges[:-2])[:, None]
    return np.maximum(0.0, np.minimum(rising, falling)) * area


def _edges(spec: FrontEndSpec) -> NDArray[np.float64]:
    """Return the filters' edges in Hz, (mel_bands + 2,): filter b spans b to b + 2."""
    ends = hz_to_mel(np.array([spec.mel_low, spec.mel_high]))
    return mel_to_hz(np.linspace(ends[0], ends[1], spec.mel_bands + 2))


def _bins(spec: FrontEndSpec) -> NDArray[np.float64]:
    return np.fft.rfftfreq(spec.fft_size, 1.0 / spec.sample_rate).astype(np.float64)


@kernel("void(f8[::1], i8, f8[::1], f8[:,::1])")
def _window(signal, hop, hann, windows):  # type: ignore[no-untyped-def]
    for frame in range(windows.shape[0]):
        for k in range(windows.shape[1]):
            windows[frame, k] = signal[frame * hop + k] * hann[k]


@kernel("void(c16[:,::1], f8[::1], f8[::1], i8[::1], f8, f4[:,::1])")
def _project(spectra, rising, falling, edge, floor, out):  # type: ignore[no-untyped-def]
    # Sum each filter over its own bins in ascending order: a matrix product would round differently
    # for different numbers of frames. Between two edges one filter rises and the previous one
    # falls, so two sums run side by side.
    power = np.empty(spectra.shape[1])
    bands = out.shape[1]
    for frame in range(spectra.shape[0]):
        for k in range(spectra.shape[1]):
            real = spectra[frame, k].real
            imag = spectra[frame, k].imag
            power[k] = real * real + imag * imag
        before = 0.0
        for band in range(bands + 1):
            total = 0.0
            for k in range(edge[band], edge[band + 1]):
                total += rising[k] * power[k]
                before += falling[k] * power[k]
            if band > 0:
                out[frame, band - 1] = math.log(max(before, floor))
            before = total


class LogMel:
    """Computes a log-Mel spectrogram incrementally.

    Frame k covers the `fft_size` samples before sample (k + 1) * hop, with zeros before the first
    sample: periodic Hann window, power spectrum in double precision, Slaney Mel filters, natural
    logarithm. Equal to librosa's `melspectrogram(center=False)` on the signal with
    `fft_size - hop` zeros before it.

    Not thread-safe: one object per stream.
    """

    def __init__(self, spec: FrontEndSpec) -> None:
        self._spec = spec
        angle = 2.0 * np.pi * np.arange(spec.fft_size) / spec.fft_size
        self._hann = 0.5 - 0.5 * np.cos(angle)
        # Index of the filter that rises at each bin: -1 below the first, mel_bands above the last.
        band = np.searchsorted(_edges(spec), _bins(spec), side="right") - 1
        band = np.minimum(band, spec.mel_bands)
        self._edge = np.searchsorted(band, np.arange(spec.mel_bands + 2))
        padded = np.pad(mel_filters(spec), ((1, 1), (0, 0)))  # filter b is row b + 1
        bins = np.arange(len(band))
        self._rising = padded[band + 1, bins]
        self._falling = padded[np.maximum(band, 0), bins]
        self.reset()

    def reset(self) -> None:
        """Reset to digital silence."""
        self._past = np.zeros(self._spec.fft_size - self._spec.hop)

    def push(self, hops: NDArray[np.float64]) -> NDArray[np.float32]:
        """Consume hops (n, hop) of float64 samples; return frames (n, mel_bands)."""
        spec = self._spec
        signal = np.concatenate((self._past, hops.ravel()))
        self._past = signal[len(signal) - (spec.fft_size - spec.hop) :]
        windows = np.empty((len(hops), spec.fft_size))
        _window(signal, spec.hop, self._hann, windows)
        spectra = np.fft.rfft(windows)
        frames = np.empty((len(hops), spec.mel_bands), dtype=np.float32)
        _project(spectra, self._rising, self._falling, self._edge, spec.mel_floor, frames)
        return frames
