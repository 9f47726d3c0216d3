"""Gammatone cochleagram: ERB-spaced filter bank, computed incrementally."""

import numpy as np
from numpy.typing import NDArray

from damer.views._kernel import kernel
from damer.views.spec import FrontEndSpec

_EAR_Q, _MIN_BANDWIDTH = 9.26449, 24.7  # Glasberg and Moore (1990)
_ERB_BANDWIDTH = 1.019  # of a fourth-order gammatone, in ERB; Patterson et al. (1992)
_LANES = 8  # doubles in the widest vector register; silent channels pad to a multiple
_STATE_FLOOR = 1e-30  # a smaller filter state becomes exactly zero


def erb_centre_frequencies(spec: FrontEndSpec) -> NDArray[np.float64]:
    """Return the ERB-spaced centre frequencies in Hz, ascending, shape (gammatone_channels,).

    They are evenly spaced on the ERB-rate scale, from `gammatone_low` to one step below
    `gammatone_high` (Slaney, Apple Technical Report 35, 1993).
    """
    shift = _EAR_Q * _MIN_BANDWIDTH
    steps = np.arange(spec.gammatone_channels, 0, -1) / spec.gammatone_channels
    ratio = np.log((spec.gammatone_low + shift) / (spec.gammatone_high + shift))
    centres: NDArray[np.float64] = (spec.gammatone_high + shift) * np.exp(steps * ratio) - shift
    return centres


def poles(spec: FrontEndSpec) -> NDArray[np.complex128]:
    """Return the pole of each channel in the z plane, shape (gammatone_channels,)."""
    centres = erb_centre_frequencies(spec)
    bandwidth = _ERB_BANDWIDTH * 2.0 * np.pi * (centres / _EAR_Q + _MIN_BANDWIDTH)
    return np.exp((-bandwidth + 2j * np.pi * centres) / spec.sample_rate)


def gains(spec: FrontEndSpec) -> NDArray[np.float64]:
    """Return the gain of each channel at its centre frequency, shape (gammatone_channels,).

    The real part of four complex one-pole stages is Slaney's fourth-order design times a constant;
    dividing by this gain gives his unit response.
    """
    centres, pole = erb_centre_frequencies(spec), poles(spec)
    z = np.exp(-2j * np.pi * centres / spec.sample_rate)
    response = 0.5 * ((1.0 - pole * z) ** -4 + (1.0 - pole.conj() * z) ** -4)
    return np.asarray(np.abs(response))


@kernel("void(f8[:,::1], f8[::1], f8[::1], f8[::1], f8[:,::1], f8[::1], f8, f4[:,::1])")
def _cascade(hops, pole_re, pole_im, scale, state, energy, exponent, out):  # type: ignore[no-untyped-def]
    # Samples outside, channels inside: only the loop over channels is vectorised. Two samples per
    # iteration load and store the state half as often.
    for frame in range(hops.shape[0]):
        energy[:] = 0.0
        for n in range(0, hops.shape[1], 2):
            x, y = hops[frame, n], hops[frame, n + 1]
            for c in range(pole_re.shape[0]):
                pr, pi = pole_re[c], pole_im[c]
                a, b = state[0, c], state[1, c]
                r1, i1 = x + pr * a - pi * b, pr * b + pi * a
                s1, j1 = y + pr * r1 - pi * i1, pr * i1 + pi * r1
                state[0, c], state[1, c] = s1, j1
                a, b = state[2, c], state[3, c]
                r2, i2 = r1 + pr * a - pi * b, i1 + pr * b + pi * a
                s2, j2 = s1 + pr * r2 - pi * i2, j1 + pr * i2 + pi * r2
                state[2, c], state[3, c] = s2, j2
                a, b = state[4, c], state[5, c]
                r3, i3 = r2 + pr * a - pi * b, i2 + pr * b + pi * a
                s3, j3 = s2 + pr * r3 - pi * i3, j2 + pr * i3 + pi * r3
                state[4, c], state[5, c] = s3, j3
                a, b = state[6, c], state[7, c]
                r4, i4 = r3 + pr * a - pi * b, i3 + pr * b + pi * a
                s4, j4 = s3 + pr * r4 - pi * i4, j3 + pr * i4 + pi * r4
                state[6, c], state[7, c] = s4, j4
                energy[c] += r4 * r4 + i4 * i4
                energy[c] += s4 * s4 + j4 * j4
        for c in range(out.shape[1]):
            out[frame, c] = (energy[c] * scale[c]) ** exponent
            magnitude = 0.0
            for part in range(8):
                magnitude += abs(state[part, c])
            if magnitude < _STATE_FLOOR:
                # A decaying state would become denormal, and a hundred times slower.
                for part in range(8):
                    state[part, c] = 0.0


class Cochleagram:
    """Computes a cochleagram incrementally, with a fourth-order gammatone filter bank.

    Each channel is four complex one-pole stages; a frame is the mean squared envelope over its
    hop's samples, divided by the squared gain, raised to the power `compression`. A sine of
    amplitude 1 at a centre frequency gives 1 in that channel.

    Not thread-safe: one object per stream.
    """

    def __init__(self, spec: FrontEndSpec) -> None:
        self._spec = spec
        pole = poles(spec)
        self._pole_re, self._pole_im = (_pad_to_lanes(part) for part in (pole.real, pole.imag))
        self._scale = 1.0 / (gains(spec) ** 2 * spec.hop)
        self._energy = np.empty(len(self._pole_re))
        self.reset()

    def reset(self) -> None:
        """Reset to digital silence."""
        self._state = np.zeros((8, len(self._pole_re)))

    def push(self, hops: NDArray[np.float64]) -> NDArray[np.float32]:
        """Consume hops (n, hop) of float64 samples; return frames (n, gammatone_channels)."""
        frames = np.empty((len(hops), self._spec.gammatone_channels), dtype=np.float32)
        _cascade(
            hops,
            self._pole_re,
            self._pole_im,
            self._scale,
            self._state,
            self._energy,
            self._spec.compression,
            frames,
        )
        return frames


def _pad_to_lanes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.pad(values, (0, -len(values) % _LANES))
