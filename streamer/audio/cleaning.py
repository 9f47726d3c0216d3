"""Replace NaN and Inf, clip to [-1, 1], count both."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.audio.block import Samples

FULL_SCALE = 32767 / 32768
"""Magnitude from which a sample counts as clipped: the largest 16-bit sample, as a float."""


class Cleaner:
    """Make samples finite and limit them to full scale.

    Attributes
    ----------
    non_finite
        Number of samples that were NaN or infinite and became 0.
    clipped
        Number of samples at or beyond full scale, limited to [-1, 1].
    """

    def __init__(self) -> None:
        self.non_finite = 0
        self.clipped = 0

    def clean(self, samples: NDArray[np.floating[Any]]) -> Samples:
        """Return finite float32 samples in [-1, 1].

        Parameters
        ----------
        samples
            Floating point, any shape. Not modified.

        Returns
        -------
        Samples
            float32 of the same shape. The same array if it is float32 and needs no cleaning.
        """
        if samples.dtype == np.float32:
            cleaned = samples.astype(np.float32, copy=False)
        else:
            with np.errstate(over="ignore"):
                cleaned = samples.astype(np.float32)
        if cleaned.max(initial=0) < FULL_SCALE and cleaned.min(initial=0) > -FULL_SCALE:
            return cleaned  # comparisons with NaN are False
        finite = np.isfinite(cleaned)
        self.non_finite += cleaned.size - int(np.count_nonzero(finite))
        cleaned = np.where(finite, cleaned, np.float32(0))
        self.clipped += int(np.count_nonzero(np.abs(cleaned) >= FULL_SCALE))
        return np.clip(cleaned, np.float32(-1), np.float32(1))
