"""Decide whether a zone is silent, from the RMS level of its audio."""

import math

import numpy as np
from numpy.typing import NDArray

FLOOR_DBFS = -120.0
"""Lowest level that is reported."""

SILENCE_DBFS = -60.0
"""Level below which a zone becomes silent."""

_OPEN_DBFS = -55.0
_CLOSE_AFTER_S = 1.0
_LEVEL_S = 0.1


class SilenceGate:
    """Silence after 1 s below -60 dBFS RMS, until the level exceeds -55 dBFS.

    Parameters
    ----------
    sample_rate
        In Hz.
    hop
        Samples between two decisions. Block sizes change nothing.

    Attributes
    ----------
    level
        RMS of the last 100 ms in dBFS, at least -120.
    silent
        Whether the zone is silent.
    """

    def __init__(self, sample_rate: int, hop: int) -> None:
        self._hop = hop
        self._steps = max(1, round(_LEVEL_S * sample_rate / hop))
        self._close_after = round(_CLOSE_AFTER_S * sample_rate / hop)
        self.silent = False
        self.reset()

    def reset(self) -> None:
        """Clear the level after a gap; `silent` keeps its value until new audio decides."""
        self._powers = [0.0] * self._steps
        self._rest = np.empty(0, dtype=np.float32)
        self._quiet_steps = 0
        self.level = FLOOR_DBFS

    def push(self, samples: NDArray[np.float32]) -> None:
        """Process mono samples, (n,)."""
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
        self._quiet_steps = self._quiet_steps + 1 if self.level < SILENCE_DBFS else 0
        if self._quiet_steps >= self._close_after:
            self.silent = True
        elif self.level > _OPEN_DBFS:
            self.silent = False
