"""Engines whose batch sizes are fixed: a batch is filled up to the next size, or cut."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from streamer.engines.protocol import Array, Estimate

BATCH_SIZES = (1, 8, 32)
"""Sizes where nothing else is asked for."""


class FixedBatch(Protocol):
    """One batch size.

    Attributes
    ----------
    size
        Windows at a time.
    """

    size: int

    def run(self, mel: Array, cochleagram: Array) -> tuple[Array, ...]:
        """Answer for at most `size` windows: valence, arousal and their deviations, each (B,)."""
        ...


def infer_in_batches(plans: Sequence[FixedBatch], mel: Array, cochleagram: Array) -> Estimate:
    """Answer for a batch of windows of any size; the plans rise in size."""
    answers = []
    begin = 0
    while begin < len(mel):
        left = len(mel) - begin
        plan = next((one for one in plans if one.size >= left), plans[-1])
        part = slice(begin, begin + plan.size)
        answers.append(plan.run(mel[part], cochleagram[part]))
        begin += plan.size
    return Estimate(*(np.concatenate(columns) for columns in zip(*answers, strict=True)))
