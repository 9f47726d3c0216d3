"""A batch is padded to a fixed size, or split."""

import numpy as np
import pytest

from streamer.engines.fixed_batches import BATCH_SIZES, infer_in_batches

AXES = ("valence", "arousal", "valence_std", "arousal_std")


class CountingBatch:
    """Returns each window's number, and records how many windows came."""

    def __init__(self, size):
        self.size, self.seen = size, []

    def run(self, mel, cochleagram):
        assert len(mel) == len(cochleagram) <= self.size
        self.seen.append(len(mel))
        return tuple(mel[:, 0, 0] + k for k in range(4))


@pytest.mark.parametrize(
    ("count", "filled"),
    [
        (1, {1: [1]}),
        (2, {8: [2]}),
        (8, {8: [8]}),
        (33, {32: [32], 1: [1]}),
        (70, {32: [32, 32], 8: [6]}),
    ],
)
def test_a_batch_is_padded_or_split(count, filled):
    batches = [CountingBatch(size) for size in BATCH_SIZES]
    views = np.arange(count, dtype=np.float32)[:, None, None]
    estimate = infer_in_batches(batches, views, views)
    for k, axis in enumerate(AXES):
        np.testing.assert_array_equal(getattr(estimate, axis), np.arange(count) + k)
    assert {batch.size: batch.seen for batch in batches if batch.seen} == filled
