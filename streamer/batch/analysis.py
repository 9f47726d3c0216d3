"""Analyze audio files, faster than real time, by the same pipeline as live audio."""

import contextlib
import csv
import queue
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from streamer import limits
from streamer.audio import Block, Decoder, open_audio_file
from streamer.config import Tracking
from streamer.engines import Engine
from streamer.errors import AudioError, StreamerError
from streamer.tracking import Update
from streamer.tracking.offline import track_offline
from streamer.tracking.trajectory import Trajectory
from streamer.tracking.windows import WindowStream

COLUMNS = (
    "file", "time", "valence", "arousal", "valence_std", "arousal_std",
    "raw_valence", "raw_arousal", "silence",
)  # fmt: skip
"""Columns of a table of trajectories."""

_BLOCK_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Analysis:
    """Result for one file.

    Attributes
    ----------
    path
        The file.
    updates
        Its trajectory. Empty if it failed.
    seconds
        Its duration.
    error
        Why it failed, or None.
    """

    path: Path
    updates: list[Update]
    seconds: float
    error: StreamerError | None

    def rows(self) -> Iterator[tuple[str, float, float, float, float, float, float, float, bool]]:
        """Yield a row of `COLUMNS` for each update."""
        for update in self.updates:
            raw, smooth = update.raw, update.smooth
            yield (
                str(self.path), update.time, smooth.valence, smooth.arousal,
                smooth.valence_std, smooth.arousal_std, raw.valence, raw.arousal, update.silence,
            )  # fmt: skip


def analyze(
    path: Path,
    engine: Engine,
    tracking: Tracking,
    channels: tuple[int, ...] = (),
    decoder: Decoder | None = None,
) -> tuple[list[Update], float]:
    """Analyze one file; return its trajectory and its duration in seconds.

    Parameters
    ----------
    path, engine, tracking
        The file, and how to track it.
    channels
        Channels that are mixed, from 1. Default: all.
    decoder
        Reused for many files, one after the other. Default: a new one.

    Raises
    ------
    StreamerError
        The file cannot be decoded, or is longer than the limit.
    """
    trajectory = Trajectory(
        engine.front_end.sample_rate, tracking.smoother, engine.smoothing, tracking.on_silence
    )
    with open_audio_file(path, channels, decoder=decoder) as audio:
        stream = WindowStream(audio.rate, engine.front_end, tracking.rate)
        seconds = 0.0

        def blocks() -> Iterator[Block]:
            nonlocal seconds
            for block in audio.blocks(audio.rate * _BLOCK_SECONDS):
                seconds = block.end_sample / audio.rate
                if seconds > limits.MAX_FILE_DURATION_S:
                    raise AudioError(
                        f"cannot analyze {path}: it is longer than "
                        f"{limits.MAX_FILE_DURATION_S / 3600:g} hours; cut it into pieces"
                    )
                yield block

        updates = list(track_offline(blocks(), stream, engine, trajectory))
    return updates, seconds


def try_analyze(
    path: Path, engine: Engine, tracking: Tracking, channels: tuple[int, ...], decoder: Decoder
) -> Analysis:
    """Analyze one file of many; a failure is part of the result."""
    try:
        return Analysis(path, *analyze(path, engine, tracking, channels, decoder), None)
    except StreamerError as error:
        return Analysis(path, [], 0.0, error)


def analyze_files(
    paths: Iterable[Path],
    engine: Engine,
    tracking: Tracking,
    channels: tuple[int, ...],
    threads: int,
) -> Iterator[Analysis]:
    """Analyze many files on threads; yield the results in the order of the files.

    At most two files per thread are in progress, so memory does not grow with their number. Each
    thread has a decoder process, which is replaced after a file that crashed it.
    """
    decoders: queue.SimpleQueue[Decoder] = queue.SimpleQueue()

    def work(path: Path) -> Analysis:
        decoder = decoders.get()
        try:
            return try_analyze(path, engine, tracking, channels, decoder)
        finally:
            decoders.put(decoder)

    with contextlib.ExitStack() as stack:
        for _ in range(threads):
            decoders.put(stack.enter_context(Decoder()))
        pool = stack.enter_context(ThreadPoolExecutor(threads, thread_name_prefix="analyze"))
        pending: list[Future[Analysis]] = []
        try:
            for path in paths:
                pending.append(pool.submit(work, path))
                if len(pending) > 2 * threads:
                    yield pending.pop(0).result()
            while pending:
                yield pending.pop(0).result()
        finally:
            for future in pending:
                future.cancel()


class CsvTable:
    """Trajectories as CSV.

    Parameters
    ----------
    file
        Gets the header at once.
    """

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def write(self, analysis: Analysis) -> None:
        """Append the rows of one file."""
        for path, *numbers, silence in analysis.rows():
            self._writer.writerow([path, *(f"{number:.6f}" for number in numbers), int(silence)])
