"""Track audio that is already available, faster than real time."""

import itertools
from collections.abc import Iterable, Iterator

from streamer.audio.block import Block
from streamer.engines import Engine
from streamer.tracking.batching import infer_windows
from streamer.tracking.trajectory import Trajectory
from streamer.tracking.update import Update
from streamer.tracking.windows import WindowStream

_BATCH = 16  # larger batches cost more per window


def track_offline(
    blocks: Iterable[Block], stream: WindowStream, engine: Engine, trajectory: Trajectory
) -> Iterator[Update]:
    """Yield the updates of all blocks, in the thread of the caller."""
    windows = (window for block in blocks for window in stream.push(block))
    while batch := list(itertools.islice(windows, _BATCH)):
        yield from map(trajectory.step, batch, infer_windows(engine, batch))
