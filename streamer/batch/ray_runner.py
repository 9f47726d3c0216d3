"""Analyze audio files on a Ray cluster: one actor per core or GPU, each with its own engine.

Ray ends the process that uses it when its cluster is lost, and prints to the terminal. So Ray runs
in a child process, which sends the results over a pipe.
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
from streamer.batch.analysis import try_analyze
from streamer.batch.parquet_dataset import Chunk, FileResult, PartWriter
from streamer.config import Tracking
from streamer.config.models import Engine as EngineConfig
from streamer.engines import open_engine
from streamer.errors import StreamerError, UsageError

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "20",  # default 60, until a cluster counts as lost
}
"""Read by Ray when it is imported."""


@dataclass(frozen=True)
class RayJob:
    """Arguments of every actor.

    Attributes
    ----------
    writer
        Writes the parts. Every machine needs the dataset and the audio files under the same path.
    engine, tracking, channels
        How files are tracked.
    """

    writer: PartWriter
    engine: EngineConfig
    tracking: Tracking
    channels: tuple[int, ...]


class AnalyzerActor:
    """Ray actor that analyzes one chunk at a time and writes its part."""

    def __init__(self, job: RayJob) -> None:
        wanted = job.engine
        self._job = job
        self._engine = open_engine(
            wanted.model, wanted.backend, wanted.require, sha256=wanted.digest
        )
        self._decoder = Decoder()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Analyze a chunk; chunk and results are rows of a Ray dataset."""
        job = self._job
        analyses = [
            try_analyze(Path(path), self._engine, job.tracking, job.channels, self._decoder)
            for path in row["paths"]
        ]
        results = job.writer.write(row["folder"], analyses)
        return {
            "paths": [str(each.path) for each in results],
            "seconds": [each.seconds for each in results],
            "errors": [each.error for each in results],
        }


def analyze_on_ray(job: RayJob, chunks: list[Chunk], actors: int | None) -> Iterator[FileResult]:
    """Analyze chunks on the cluster at RAY_ADDRESS, or by default on a local one.

    An actor that dies is replaced, and its chunk is analyzed again.

    Parameters
    ----------
    job, chunks
        What to analyze, and how.
    actors
        Number of actors. Default: one per core, or per GPU if a GPU is required.

    Raises
    ------
    StreamerError
        Ray is not installed, or the cluster cannot be reached or is lost. Written parts are kept.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            'Ray is not installed; `pip install "damer-streamer[ray]"`, or `pip install ".[ray]"` '
            "in a checkout, brings it; or leave --runner out"
        )
    if not chunks:
        return
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    driver = spawn.Process(target=_run_driver, args=(job, chunks, actors, sender), daemon=True)
    driver.start()
    sender.close()
    try:
        while (message := receiver.recv()) is not None:
            if isinstance(message, Exception):
                raise message
            yield message
    except EOFError:
        raise StreamerError(
            "the Ray cluster is lost; finished parts are kept, run the command again to continue"
        ) from None
    finally:
        driver.terminate()
        driver.join()


def _run_driver(job: RayJob, chunks: list[Chunk], actors: int | None, messages: Connection) -> None:
    """Run Ray in a child process; send the results, and at the end None or an error."""
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # Ray shuts down at exit
    with contextlib.suppress(KeyboardInterrupt):
        try:
            for result in _results(job, chunks, actors):
                messages.send(result)
        except StreamerError as error:
            messages.send(error)
        except Exception as error:  # noqa: BLE001 - Ray's errors share no base class
            messages.send(StreamerError(_cause_of(error)))
        else:
            messages.send(None)


def _results(job: RayJob, chunks: list[Chunk], actors: int | None) -> Iterator[FileResult]:
    import ray
    from ray import data

    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    address = os.environ.get("RAY_ADDRESS")
    local: dict[str, Any] = {} if address else {"include_dashboard": False}
    try:
        ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **local)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f" at {address}" if address else ""
        raise StreamerError(
            f"cannot connect to a Ray cluster{where}: {_first_line(error)}"
        ) from None
    gpu = job.engine.require == "gpu"
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    count = actors or int(resources.get("GPU" if gpu else "CPU", 0))
    if not count:
        raise StreamerError("the Ray cluster has no GPU; leave --require gpu out")
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    rows = [{"folder": each.folder, "paths": list(map(str, each.paths))} for each in chunks]
    actor: Any = AnalyzerActor
    analyzed = data.from_items(rows, override_num_blocks=len(rows)).map(
        actor,
        fn_constructor_args=(job,),
        concurrency=min(count, len(rows)),
        num_cpus=0 if gpu else 1,
        num_gpus=1 if gpu else 0,
    )
    for row in analyzed.iter_rows():
        for path, seconds, reason in zip(row["paths"], row["seconds"], row["errors"], strict=True):
            yield FileResult(Path(path), float(seconds), str(reason))


def _cause_of(error: Exception) -> str:
    """Return the message of an actor's `StreamerError`, or else of Ray's error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, StreamerError):
            return str(cause)
        cause = getattr(cause, "cause", None) or cause.__cause__
    return (
        f"Ray failed: {_first_line(error)}; finished parts are kept, run the command again to "
        "continue"
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
