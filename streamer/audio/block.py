"""The one unit of sound that walks through the corridor."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of mono sound.

    Whoever receives a block owns its samples; its maker never writes to them again.

    Attributes
    ----------
    samples
        float32, shape (n,), in [-1, 1], finite.
    start_sample
        Absolute number of the first sample at the source's rate. A value that does not follow the
        previous block's end is a gap.
    captured
        `time.monotonic()` at which the first sample was captured, in seconds.
    """

    samples: Samples
    start_sample: int
    captured: float

    @property
    def end_sample(self) -> int:
        """Absolute number of the sample after the last one."""
        return self.start_sample + len(self.samples)
