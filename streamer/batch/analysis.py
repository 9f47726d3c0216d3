"""Trajectories of sound files, faster than real time, by the same pipeline that runs live."""

import contextlib
import csv
import queue
from collections.abc import Callable, Iterable, Iterator
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
_BLOCK_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Analysis:
    """What became of one file.

    Attributes
    ----------
    path
        The file.
    updates
        Its trajectory; empty if it failed.
    seconds
        Length of its sound.
    error
        Why it failed, or None.
    """

    path: Path
    updates: list[Update]
    seconds: float
    error: StreamerError | None


def analyze(
    path: Path,
    engine: Engine,
    tracking: Tracking,
    channels: tuple[int, ...] = (),
    decoder: Decoder | None = None,
) -> tuple[list[Update], float]:
    """Track one file; give its trajectory and its length in seconds.

    `decoder` is for who tracks many, one after the other.

    Raises
    ------
    StreamerError
        The file cannot be decoded, or has no end.
    """
    trajectory = Trajectory(
        engine.front_end.sample_rate, tracking.smoother, engine.smoothing, tracking.on_silence
    )
    with open_audio_file(path, channels, decoder=decoder) as sound:
        listener = WindowStream(sound.rate, engine.front_end, tracking.rate)
        seconds = 0.0

        def blocks() -> Iterator[Block]:
            nonlocal seconds
            for block in sound.blocks(sound.rate * _BLOCK_SECONDS):
                seconds = block.end_sample / sound.rate
                if seconds > limits.MAX_FILE_DURATION_S:
                    raise AudioError(
                        f"{path} is longer than {limits.MAX_FILE_DURATION_S / 3600:g} hours; "
                        "cut it into pieces"
                    )
                yield block

        updates = list(track_offline(blocks(), listener, engine, trajectory))
    return updates, seconds


def analyze_one(
    path: Path, engine: Engine, tracking: Tracking, channels: tuple[int, ...], decoder: Decoder
) -> Analysis:
    """Track one file of many, after which others come even where it fails."""
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
    """Track many files on threads; give the results in the order of the files.

    At most two files a thread are in hand, so memory does not grow with their number. Each thread
    has a process that decodes, and another one after a file that crashed it.
    """
    decoders: queue.SimpleQueue[Decoder] = queue.SimpleQueue()

    def work(path: Path) -> Analysis:
        decoder = decoders.get()
        try:
            return analyze_one(path, engine, tracking, channels, decoder)
        finally:
            decoders.put(decoder)

    with contextlib.ExitStack() as stack:
        for _ in range(threads):
            decoders.put(stack.enter_context(Decoder()))
        pool = stack.enter_context(ThreadPoolExecutor(threads, thread_name_prefix="analyze"))
        waiting: list[Future[Analysis]] = []
        try:
            for path in paths:
                waiting.append(pool.submit(work, path))
                if len(waiting) > 2 * threads:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


def write_header(table: TextIO) -> Callable[[Analysis], None]:
    """Write the head of the CSV; give the function that adds one file's rows."""
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)

    def write(analysis: Analysis) -> None:
        for update in analysis.updates:
            numbers = (
                update.time, update.smooth.valence, update.smooth.arousal,
                update.smooth.valence_std, update.smooth.arousal_std,
                update.raw.valence, update.raw.arousal,
            )  # fmt: skip
            row = [f"{number:.6f}" for number in numbers]
            writer.writerow([analysis.path, *row, int(update.silence)])

    return write
