"""A catalogue on Ray: an actor for each core or GPU of a cluster, with an engine of its own.

Ray ends the process that asked it when its cluster is gone, and writes to the terminal as it likes.
So a process of our own asks it, and tells us what became of the sounds.
"""

import contextlib
import importlib.util
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from streamer.audio import Decoder
from streamer.batch.analysis import analyze_one
from streamer.batch.parquet_dataset import Chunk, Outcome, Parts
from streamer.config import Tracking
from streamer.config.models import Engine as EngineTable
from streamer.engines import open_engine
from streamer.errors import StreamerError, UsageError

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "20",  # of 60, until a cluster is held to be gone
}
"""What Ray reads when it is imported."""


@dataclass(frozen=True)
class Work:
    """What every actor is told.

    Attributes
    ----------
    parts
        Where they go; every machine has to see it, and the sounds, under the same path.
    engine, tracking, channels
        How sounds are tracked.
    """

    parts: Parts
    engine: EngineTable
    tracking: Tracking
    channels: tuple[int, ...]


class Analyzer:
    """An actor: tracks a chunk at a time, and keeps what came of it."""

    def __init__(self, work: Work) -> None:
        wanted = work.engine
        self._work = work
        self._engine = open_engine(
            wanted.model, wanted.backend, wanted.require, sha256=wanted.digest
        )
        self._decoder = Decoder()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Take a chunk as a row; give what became of it as another one."""
        work = self._work
        analyses = [
            analyze_one(Path(path), self._engine, work.tracking, work.channels, self._decoder)
            for path in row["paths"]
        ]
        outcomes = work.parts.write(row["folder"], analyses)
        return {
            "paths": [str(one.path) for one in outcomes],
            "seconds": [one.seconds for one in outcomes],
            "errors": [one.error for one in outcomes],
        }


def on_ray(work: Work, chunks: list[Chunk], actors: int | None) -> Iterator[Outcome]:
    """Track chunks on the cluster that RAY_ADDRESS names, or else on one on this machine.

    An actor that dies is replaced, and its chunk is done again.

    Parameters
    ----------
    work, chunks
        What to do.
    actors
        How many; by default one for each core, or for each GPU where one is required.

    Raises
    ------
    StreamerError
        Ray is not installed, the cluster is not there, or it is gone; what is done is kept.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            'Ray is not installed; `pip install "damer-streamer[ray]"`, or `pip install ".[ray]"` '
            "in a checkout, brings it; or leave --runner out"
        )
    if not chunks:
        return
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    driver = spawn.Process(target=_drive, args=(work, chunks, actors, theirs), daemon=True)
    driver.start()
    theirs.close()
    try:
        while (told := ours.recv()) is not None:
            if isinstance(told, Exception):
                raise told
            yield told
    except EOFError:
        raise StreamerError(
            "the Ray cluster is gone; what is done is kept, run it again to go on"
        ) from None
    finally:
        driver.terminate()
        driver.join()


def _drive(work: Work, chunks: list[Chunk], actors: int | None, told: Connection) -> None:
    """Ask Ray, in a process of its own; the last thing told is None, or an error."""
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # Ray shuts down at the exit
    with contextlib.suppress(KeyboardInterrupt):
        try:
            for outcome in _outcomes(work, chunks, actors):
                told.send(outcome)
        except StreamerError as error:
            told.send(error)
        except Exception as error:  # noqa: BLE001 - Ray's errors share no base class
            told.send(StreamerError(_what_failed(error)))
        else:
            told.send(None)


def _outcomes(work: Work, chunks: list[Chunk], actors: int | None) -> Iterator[Outcome]:
    import ray
    from ray import data

    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    address = os.environ.get("RAY_ADDRESS")
    own: dict[str, Any] = {} if address else {"include_dashboard": False}
    try:
        ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **own)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f" at {address}" if address else ""
        raise StreamerError(f"no Ray cluster{where}: {_first_line(error)}") from None
    gpu = work.engine.require == "gpu"
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    count = actors or int(there.get("GPU" if gpu else "CPU", 0))
    if not count:
        raise StreamerError("the Ray cluster has no GPU; leave --require gpu out")
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    rows = [{"folder": one.folder, "paths": list(map(str, one.paths))} for one in chunks]
    analyzer: Any = Analyzer
    done = data.from_items(rows, override_num_blocks=len(rows)).map(
        analyzer,
        fn_constructor_args=(work,),
        concurrency=min(count, len(rows)),
        num_cpus=0 if gpu else 1,
        num_gpus=1 if gpu else 0,
    )
    for row in done.iter_rows():
        for path, seconds, why in zip(row["paths"], row["seconds"], row["errors"], strict=True):
            yield Outcome(Path(path), float(seconds), str(why))


def _what_failed(error: Exception) -> str:
    """Say what an actor failed with, or else Ray."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, StreamerError):
            return str(cause)
        cause = getattr(cause, "cause", None) or cause.__cause__
    return f"Ray: {_first_line(error)}; what is done is kept, run it again to go on"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
