"""Audio block: mono samples with their position and capture time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive mono samples. The receiver owns the array; the producer never writes to it again.

    Attributes
    ----------
    samples
        float32, shape (n,), finite, in [-1, 1].
    start_sample
        Absolute number of the first sample, at the source's rate. If it differs from the previous
        block's `end_sample`, the samples between are lost: a gap.
    captured
        Capture time of the first sample, as `time.monotonic()` in seconds.
    """

    samples: Samples
    start_sample: int
    captured: float

    @property
    def end_sample(self) -> int:
        """Absolute number of the sample after the last one."""
        return self.start_sample + len(self.samples)
