"""Both views in step."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from damer.views.gammatone import Cochleagram
from damer.views.mel import LogMel
from damer.views.spec import FrontEndSpec

_HOPS_AT_ONCE = 64  # bounds the memory of one large block


class Frames(NamedTuple):
    """Consecutive frames of both views.

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
    """Turns sound at 22,050 Hz into frames of both views, whatever the block sizes.

    Frame k ends at sample (k + 1) * hop. Cutting the sound differently changes no bit of any
    frame; offline use is one large block. Not thread-safe; one object for each stream.

    >>> frames = FrontEnd(FrontEndSpec()).push(np.zeros(1000, dtype=np.float32))
    >>> frames.mel.shape, frames.cochleagram.shape
    ((3, 128), (3, 84))
    """

    def __init__(self, spec: FrontEndSpec) -> None:
        self.spec = spec
        self._mel = LogMel(spec)
        self._cochleagram = Cochleagram(spec)
        self._rest: NDArray[np.float64] = np.empty(0)

    def reset(self) -> None:
        """Forget the past: the next sample is the first after digital silence."""
        self._mel.reset()
        self._cochleagram.reset()
        self._rest = np.empty(0)

    def push(self, samples: NDArray[np.float32]) -> Frames:
        """Take any number of finite mono samples, shape (n,); give the frames they complete."""
        signal = np.concatenate([self._rest, samples])
        count = len(signal) // self.spec.hop
        heard = count * self.spec.hop
        hops = signal[:heard].reshape(count, self.spec.hop)
        self._rest = signal[heard:]
        if count <= _HOPS_AT_ONCE:
            return Frames(self._mel.push(hops), self._cochleagram.push(hops))
        mel = np.empty((count, self.spec.mel_bands), dtype=np.float32)
        cochleagram = np.empty((count, self.spec.gammatone_channels), dtype=np.float32)
        for k in range(0, count, _HOPS_AT_ONCE):
            part = slice(k, k + _HOPS_AT_ONCE)
            mel[part] = self._mel.push(hops[part])
            cochleagram[part] = self._cochleagram.push(hops[part])
        self._rest = self._rest.copy()
        return Frames(mel, cochleagram)
