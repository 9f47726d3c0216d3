"""Inference in fixed batch sizes: pad a batch to the next size, or split it."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from streamer.engines.protocol import Array, Estimate

BATCH_SIZES = (1, 8, 32)
"""Default batch sizes, in windows."""


class FixedBatch(Protocol):
    """Executor of one batch size.

    Attributes
    ----------
    size
        Windows per run.
    """

    size: int

    def run(self, mel: Array, cochleagram: Array) -> tuple[Array, ...]:
        """Predict at most `size` windows: valence, arousal, and their deviations, each (B,)."""
        ...


def infer_in_batches(executors: Sequence[FixedBatch], mel: Array, cochleagram: Array) -> Estimate:
    """Predict any number of windows with executors of ascending size."""
    results = []
    start = 0
    while start < len(mel):
        remaining = len(mel) - start
        executor = next((each for each in executors if each.size >= remaining), executors[-1])
        rows = slice(start, start + executor.size)
        results.append(executor.run(mel[rows], cochleagram[rows]))
        start += executor.size
    return Estimate(*(np.concatenate(columns) for columns in zip(*results, strict=True)))
