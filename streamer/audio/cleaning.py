"""The door: nothing that is no sound walks into the corridor."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.audio.block import Samples

FULL_SCALE = 32767 / 32768
"""Level from which a sample counts as clipped: the largest one of 16 bits, as a float."""


class Cleaner:
    """Clean samples and count what was wrong with them.

    Attributes
    ----------
    non_finite
        Samples that were NaN or infinite; each became 0.
    clipped
        Samples at or beyond full scale; each was limited to [-1, 1].
    """

    def __init__(self) -> None:
        self.non_finite = 0
        self.clipped = 0

    def clean(self, samples: NDArray[np.floating[Any]]) -> Samples:
        """Return finite float32 samples in [-1, 1].

        Parameters
        ----------
        samples
            Floating point, any shape. They are not written to.

        Returns
        -------
        Samples
            float32 of the same shape; the very same array where it is float32 and sound already.
        """
        if samples.dtype == np.float32:
            sound = samples.astype(np.float32, copy=False)
        else:
            with np.errstate(over="ignore"):
                sound = samples.astype(np.float32)
        if sound.max(initial=0) < FULL_SCALE and sound.min(initial=0) > -FULL_SCALE:
            return sound  # NaN compares as False
        finite = np.isfinite(sound)
        self.non_finite += sound.size - int(np.count_nonzero(finite))
        sound = np.where(finite, sound, np.float32(0))
        self.clipped += int(np.count_nonzero(np.abs(sound) >= FULL_SCALE))
        return np.clip(sound, np.float32(-1), np.float32(1))
