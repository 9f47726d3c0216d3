"""The silence gate."""

import math

import numpy as np
from numpy.typing import NDArray

FLOOR_DBFS = -120.0
_CLOSE_DBFS, _OPEN_DBFS = -60.0, -55.0
_CLOSE_AFTER_SECONDS = 1.0
_LEVEL_SECONDS = 0.1


class Gate:
    """Says whether a zone is silent: below -60 dBFS RMS for a second, until above -55.

    Parameters
    ----------
    sample_rate
        In Hz.
    hop
        Samples of one step; how the sound is cut into blocks changes nothing.

    Attributes
    ----------
    level
        RMS of the last 100 ms in dBFS, at least -120.
    silent
        Whether the gate is closed.
    """

    def __init__(self, sample_rate: int, hop: int) -> None:
        self._hop = hop
        self._steps = max(1, round(_LEVEL_SECONDS * sample_rate / hop))
        self._close_after = round(_CLOSE_AFTER_SECONDS * sample_rate / hop)
        self.silent = False
        self.reset()

    def reset(self) -> None:
        """Forget the past sound; whether the zone is silent stands until sound says otherwise."""
        self._powers = [0.0] * self._steps
        self._rest = np.empty(0, dtype=np.float32)
        self._quiet = 0
        self.level = FLOOR_DBFS

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take mono samples, shape (n,)."""
        signal = np.concatenate([self._rest, samples])
        count = len(signal) // self._hop
        self._rest = signal[count * self._hop :]
        hops = signal[: count * self._hop].reshape(count, self._hop).astype(np.float64)
        for power in np.mean(hops * hops, axis=1).tolist():
            self._step(power)

    def _step(self, power: float) -> None:
        self._powers = [*self._powers[1:], power]
        mean = sum(self._powers) / self._steps
        self.level = max(FLOOR_DBFS, 10.0 * math.log10(mean)) if mean > 0.0 else FLOOR_DBFS
        self._quiet = self._quiet + 1 if self.level < _CLOSE_DBFS else 0
        if self._quiet >= self._close_after:
            self.silent = True
        elif self.level > _OPEN_DBFS:
            self.silent = False
