"""A catalogue on the threads of this machine."""

from collections.abc import Iterator
from itertools import islice

from streamer.analyze import analyze_files
from streamer.catalogue.store import Chunk, Outcome, Parts
from streamer.config import Tracking
from streamer.engines import Engine


def on_threads(
    parts: Parts,
    chunks: list[Chunk],
    engine: Engine,
    tracking: Tracking,
    channels: tuple[int, ...],
    threads: int,
) -> Iterator[Outcome]:
    """Track chunks and keep each once it is whole; yield what became of the sounds."""
    paths = (path for chunk in chunks for path in chunk.paths)
    analyses = analyze_files(paths, engine, tracking, channels, threads)
    for chunk in chunks:
        yield from parts.write(chunk.folder, list(islice(analyses, len(chunk.paths))))
