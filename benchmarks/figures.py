"""Summary statistics shared by the benchmarks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def percentiles(values: NDArray[np.float64] | Sequence[float]) -> dict[str, float]:
    """Return the median and the 99th percentile, `p50` and `p99`."""
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": float(p50), "p99": float(p99)}
