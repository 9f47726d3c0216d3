"""Front end: audio blocks to frames of both views."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from damer.views.gammatone import Cochleagram
from damer.views.mel import LogMel
from damer.views.spec import FrontEndSpec

_CHUNK_HOPS = 64  # limits the memory that one large block needs


class Frames(NamedTuple):
    """Consecutive frames of both views, one row per frame.

    Attributes
    ----------
    mel
        float32, shape (n, mel_bands), natural logarithm of power.
    cochleagram
        float32, shape (n, gammatone_channels), compressed mean squared envelope.
    """

    mel: NDArray[np.float32]
    cochleagram: NDArray[np.float32]


class FrontEnd:
    """Computes frames of both views from audio blocks of any size.

    Frame k ends at sample (k + 1) * hop. Frames are bit-identical for any block sizes; offline use
    is one large block. Not thread-safe: one object per stream.

    Parameters
    ----------
    spec
        Parameters of the views; samples must be at its `sample_rate`.

    Examples
    --------
    >>> frames = FrontEnd(FrontEndSpec()).push(np.zeros(1000, dtype=np.float32))
    >>> frames.mel.shape, frames.cochleagram.shape
    ((3, 128), (3, 84))
    """

    def __init__(self, spec: FrontEndSpec) -> None:
        self.spec = spec
        self._mel = LogMel(spec)
        self._cochleagram = Cochleagram(spec)
        self._pending: NDArray[np.float64] = np.empty(0)

    def reset(self) -> None:
        """Reset to digital silence; the next sample is sample 0."""
        self._mel.reset()
        self._cochleagram.reset()
        self._pending = np.empty(0)

    def push(self, samples: NDArray[np.float32]) -> Frames:
        """Consume finite mono samples (n,) in [-1, 1]; return the frames they complete."""
        signal = np.concatenate([self._pending, samples])
        count = len(signal) // self.spec.hop
        complete = count * self.spec.hop
        hops = signal[:complete].reshape(count, self.spec.hop)
        self._pending = signal[complete:]
        if count <= _CHUNK_HOPS:
            return Frames(self._mel.push(hops), self._cochleagram.push(hops))
        mel = np.empty((count, self.spec.mel_bands), dtype=np.float32)
        cochleagram = np.empty((count, self.spec.gammatone_channels), dtype=np.float32)
        for k in range(0, count, _CHUNK_HOPS):
            chunk = slice(k, k + _CHUNK_HOPS)
            mel[chunk] = self._mel.push(hops[chunk])
            cochleagram[chunk] = self._cochleagram.push(hops[chunk])
        self._pending = self._pending.copy()  # else it keeps the whole block alive
        return Frames(mel, cochleagram)
