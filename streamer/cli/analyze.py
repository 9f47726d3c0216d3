"""`streamer analyze`: trajectories of audio files as a CSV table or a Parquet dataset."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamer import logs
from streamer.app.process import peak_memory
from streamer.cli.options import Channels, ConfigFile, Model, Rate, Require
from streamer.config import Config, load
from streamer.errors import StreamerError, UsageError

if TYPE_CHECKING:
    from streamer.batch.input_files import InputFile
    from streamer.batch.parquet_dataset import FileResult
    from streamer.engines import Engine

_TABLE_SUFFIX = ".csv"


def analyze(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Audio files, or folders of them.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT.csv|DIR",
            help="CSV table, or folder of a Parquet dataset, which a stopped run continues.",
        ),
    ],
    channels: Channels = None,
    rate: Rate = None,
    model: Model = None,
    require: Require = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Files analyzed at a time.  [default: number of CPU cores]"
        ),
    ] = None,
    runner: Annotated[
        Literal["local", "ray"],
        typer.Option(
            help="Threads of this machine; or Ray, on the cluster at RAY_ADDRESS or a local one. "
            "Ray writes a Parquet dataset."
        ),
    ] = "local",
    actors: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of Ray actors.  [default: one per core, or per GPU if required]",
        ),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Write the trajectories of audio files, faster than real time.

    Uses the same pipeline as `run`. Files that fail are listed at the end, and the exit code is 1;
    the others are written. A Parquet dataset is partitioned by the folders of the audio files,
    `folder=NAME`. Run the same command again to continue after a stop, and to retry failed files.
    """
    options = {"channels": channels, "rate": rate, "model": model, "require": require}
    settings = load(options, config_path=config, environ=os.environ)
    logs.configure(settings.log.format, "warning")
    if any(output.resolve() == file.resolve() for file in files):
        raise UsageError(f"cannot write {output}: it is an input file; choose another --output")
    is_table = _is_table(output)
    if is_table and runner == "ray":
        raise UsageError("cannot write CSV with Ray: give a folder, --output DIR")

    # Takes seconds to import, so help and usage errors come first.
    from streamer.batch.input_files import find_audio_files

    found = find_audio_files(files)
    report = _Report(Console(stderr=True), output, len(found))
    threads = threads or os.cpu_count() or 1
    if is_table:
        results = _write_table(output, found, settings, threads)
    elif runner == "ray":
        results = _write_dataset_on_ray(output, found, settings, actors, report.skip)
    else:
        results = _write_dataset(output, found, settings, threads, report.skip)
    report.follow(results)
    report.finish()


def _is_table(output: Path) -> bool:
    if output.suffix == _TABLE_SUFFIX or (output.exists() and not output.is_dir()):
        return True
    if output.suffix and not output.is_dir():
        raise UsageError(f"cannot write {output}: give a name in .csv, or a folder")
    return False


def _open_engine(settings: Config) -> "Engine":
    from streamer.engines import open_engine

    wanted = settings.engine
    return open_engine(wanted.model, wanted.backend, wanted.require, sha256=wanted.digest)


def _write_table(
    output: Path, files: list["InputFile"], settings: Config, threads: int
) -> Iterator["FileResult"]:
    from streamer.batch.analysis import CsvTable, analyze_files
    from streamer.batch.parquet_dataset import FileResult

    engine, channels = _open_engine(settings), settings.zones[0].channels
    try:
        with output.open("w", encoding="utf-8", newline="") as text:
            table = CsvTable(text)
            paths = [file.path for file in files]
            for each in analyze_files(paths, engine, settings.tracking, channels, threads):
                table.write(each)
                yield FileResult(each.path, each.seconds, str(each.error or ""))
    except OSError as error:
        raise UsageError(
            f"cannot write {output}: {error.strerror}; choose another --output"
        ) from None


Skip = Callable[[int], None]


def _write_dataset(
    output: Path, files: list["InputFile"], settings: Config, threads: int, skip: Skip
) -> Iterator["FileResult"]:
    from streamer.batch.parquet_dataset import (
        MAX_FILES_PER_PART,
        ParquetDataset,
        analyze_on_threads,
        tracking_settings,
    )

    engine, channels = _open_engine(settings), settings.zones[0].channels
    dataset = ParquetDataset(output, tracking_settings(settings, engine))
    chunks = dataset.remaining(files, MAX_FILES_PER_PART)
    skip(len(files) - sum(len(chunk.paths) for chunk in chunks))
    yield from dataset.record_failures(
        analyze_on_threads(dataset.writer, chunks, engine, settings.tracking, channels, threads)
    )


def _write_dataset_on_ray(
    output: Path, files: list["InputFile"], settings: Config, actors: int | None, skip: Skip
) -> Iterator["FileResult"]:
    from streamer.batch.parquet_dataset import (
        MAX_FILES_PER_PART,
        ParquetDataset,
        tracking_settings,
    )
    from streamer.batch.ray_runner import RayJob, analyze_on_ray

    dataset = ParquetDataset(output.resolve(), tracking_settings(settings, _open_engine(settings)))
    chunks = dataset.remaining(files, MAX_FILES_PER_PART)
    skip(len(files) - sum(len(chunk.paths) for chunk in chunks))
    job = RayJob(dataset.writer, settings.engine, settings.tracking, settings.zones[0].channels)
    yield from dataset.record_failures(analyze_on_ray(job, chunks, actors))


@dataclass
class _Report:
    """Progress bar, and a summary at the end."""

    console: Console
    output: Path
    files: int
    done: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failed: list["FileResult"] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def skip(self, count: int) -> None:
        """Count files that were analyzed by an earlier run."""
        self.skipped = count
        if count:
            self.console.print(
                f"{count} of {self.files} files are in {self.output} already", highlight=False
            )

    def follow(self, results: Iterator["FileResult"]) -> None:
        """Show progress until all results are there."""
        with _progress_bar(self.console) as bar:
            task = bar.add_task("Analyzing", total=self.files)
            for result in results:
                self.done += not result.error
                self.seconds += result.seconds
                if result.error:
                    self.failed.append(result)
                bar.update(task, completed=self.skipped + self.done + len(self.failed))

    def finish(self) -> None:
        """Print the summary.

        Raises
        ------
        StreamerError
            Files failed.
        """
        if self.done:
            self._print_summary(time.monotonic() - self.started)
        if self.failed:
            raise StreamerError(self._failures())

    def _print_summary(self, elapsed: float) -> None:
        peak = peak_memory()
        memory = f", peak memory {peak / 1e6:.0f} MB" if peak is not None else ""
        self.console.print(
            f"{self.done} files, {self.seconds:.1f} s of audio in {elapsed:.1f} s: "
            f"{self.seconds / elapsed:.0f} times real time{memory}; {self.output}",
            highlight=False,
            soft_wrap=True,
        )

    def _failures(self) -> str:
        if self.files == 1:
            return self.failed[0].error
        count = f"{len(self.failed)} of {self.files} files could not be analyzed"
        if len(self.failed) == 1:
            return f"{count}: {self.failed[0].error}"
        return "".join([f"{count}:", *(f"\n  {result.error}" for result in self.failed)])


def _progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
