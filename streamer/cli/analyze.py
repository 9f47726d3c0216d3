"""`streamer analyze`."""

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
    from streamer.batch.input_files import Sound
    from streamer.batch.parquet_dataset import Outcome
    from streamer.engines import Engine

_TABLE = ".csv"


def analyze(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Sound files, or folders of them.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT.csv|DIR",
            help="Table to write; or folder of Parquet files, which a stopped run goes on with.",
        ),
    ],
    channels: Channels = None,
    rate: Rate = None,
    model: Model = None,
    require: Require = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Files at a time.  [default: the machine's cores]"),
    ] = None,
    runner: Annotated[
        Literal["local", "ray"],
        typer.Option(
            help="Threads of this machine; or Ray, on the cluster that RAY_ADDRESS names or on "
            "this machine. Ray writes a folder."
        ),
    ] = "local",
    actors: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Of Ray.  [default: one for each core, or GPU if required]"
        ),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Write the trajectories of sound files, faster than real time.

    The same pipeline as `run`. A file that cannot be read is named at the end and the exit code
    is 1; the others are written all the same. In a folder, the trajectories lie by the folders of
    the sound files, `folder=NAME`; run the same command again to go on after a stop, and to try
    again what failed.
    """
    options = {"channels": channels, "rate": rate, "model": model, "require": require}
    settings = load(options, config_path=config, environ=os.environ)
    logs.configure(settings.log.format, "warning")
    if any(output.resolve() == file.resolve() for file in files):
        raise UsageError(f"{output} is one of the sound files; choose another --output")
    as_table = _is_table(output)
    if as_table and runner == "ray":
        raise UsageError("Ray writes a folder of Parquet files; give one: --output DIR")

    # Seconds to import, so not before help and mistakes are answered.
    from streamer.batch.input_files import find_sounds

    sounds = find_sounds(files)
    console = Console(stderr=True)
    report = _Report(console, output, len(sounds))
    if as_table:
        report.follow(_into_table(output, sounds, settings, threads or _cores()))
    elif runner == "ray":
        report.follow(_into_folder_on_ray(output, sounds, settings, actors, report.passed_over))
    else:
        folder = _into_folder(output, sounds, settings, threads or _cores(), report.passed_over)
        report.follow(folder)
    report.end()


def _is_table(output: Path) -> bool:
    if output.suffix == _TABLE or (output.exists() and not output.is_dir()):
        return True
    if output.suffix and not output.is_dir():
        raise UsageError(f"{output} is no table; end it in .csv, or name a folder")
    return False


def _cores() -> int:
    return os.cpu_count() or 1


def _open_engine(settings: Config) -> "Engine":
    from streamer.engines import open_engine

    wanted = settings.engine
    return open_engine(wanted.model, wanted.backend, wanted.require, sha256=wanted.digest)


def _into_table(
    output: Path, sounds: list["Sound"], settings: Config, threads: int
) -> Iterator["Outcome"]:
    from streamer.batch.analysis import analyze_files, write_header
    from streamer.batch.parquet_dataset import Outcome

    engine, channels = _open_engine(settings), settings.zones[0].channels
    try:
        with output.open("w", encoding="utf-8", newline="") as table:
            write = write_header(table)
            paths = [sound.path for sound in sounds]
            for one in analyze_files(paths, engine, settings.tracking, channels, threads):
                write(one)
                yield Outcome(one.path, one.seconds, str(one.error or ""))
    except OSError as error:
        raise UsageError(
            f"cannot write {output}: {error.strerror}; choose another --output"
        ) from None


PassedOver = Callable[[int], None]


def _into_folder(
    output: Path, sounds: list["Sound"], settings: Config, threads: int, passed_over: PassedOver
) -> Iterator["Outcome"]:
    from streamer.batch.parquet_dataset import CHUNK, Store, on_threads, settings_of

    engine, channels = _open_engine(settings), settings.zones[0].channels
    store = Store(output, settings_of(settings, engine))
    chunks = store.chunks(sounds, CHUNK)
    passed_over(len(sounds) - sum(len(chunk.paths) for chunk in chunks))
    yield from store.told(
        on_threads(store.parts, chunks, engine, settings.tracking, channels, threads)
    )


def _into_folder_on_ray(
    output: Path,
    sounds: list["Sound"],
    settings: Config,
    actors: int | None,
    passed_over: PassedOver,
) -> Iterator["Outcome"]:
    from streamer.batch.parquet_dataset import CHUNK, Store, settings_of
    from streamer.batch.ray_runner import Work, on_ray

    store = Store(output.resolve(), settings_of(settings, _open_engine(settings)))
    chunks = store.chunks(sounds, CHUNK)
    passed_over(len(sounds) - sum(len(chunk.paths) for chunk in chunks))
    work = Work(store.parts, settings.engine, settings.tracking, settings.zones[0].channels)
    yield from store.told(on_ray(work, chunks, actors))


@dataclass
class _Report:
    """Progress while it runs, and what is said at the end."""

    console: Console
    output: Path
    files: int
    done: int = 0
    before: int = 0
    seconds: float = 0.0
    failed: list["Outcome"] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def passed_over(self, count: int) -> None:
        """Take in how many were done before."""
        self.before = count
        if count:
            self.console.print(
                f"{count} of {self.files} files are in {self.output} already", highlight=False
            )

    def follow(self, outcomes: Iterator["Outcome"]) -> None:
        with _progress(self.console) as bar:
            task = bar.add_task("Listening", total=self.files)
            for outcome in outcomes:
                self.done += not outcome.error
                self.seconds += outcome.seconds
                if outcome.error:
                    self.failed.append(outcome)
                bar.update(task, completed=self.before + self.done + len(self.failed))

    def end(self) -> None:
        """Say how it went.

        Raises
        ------
        StreamerError
            Files could not be read.
        """
        if self.done:
            self._summarise(time.monotonic() - self.begun)
        if self.failed:
            raise StreamerError(self._reasons())

    def _summarise(self, elapsed: float) -> None:
        peak = peak_memory()
        memory = f", peak memory {peak / 1e6:.0f} MB" if peak is not None else ""
        self.console.print(
            f"{self.done} files, {self.seconds:.1f} s of sound in {elapsed:.1f} s: "
            f"{self.seconds / elapsed:.0f} times real time{memory}; {self.output}",
            highlight=False,
            soft_wrap=True,
        )

    def _reasons(self) -> str:
        if self.files == 1:
            return self.failed[0].error
        what = f"{len(self.failed)} of {self.files} files could not be read"
        if len(self.failed) == 1:
            return f"{what}: {self.failed[0].error}"
        return "".join([f"{what}:", *(f"\n  {outcome.error}" for outcome in self.failed)])


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
