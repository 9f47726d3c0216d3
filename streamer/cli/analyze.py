"""`streamer analyze`."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamer import logs
from streamer.cli.run import Channels, Config, Model, Rate
from streamer.config import load
from streamer.errors import StreamerError, UsageError
from streamer.system import peak_memory

if TYPE_CHECKING:
    from streamer.analyze import Analysis


def analyze(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Sound files.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.csv", help="Table to write.")
    ],
    channels: Channels = None,
    rate: Rate = None,
    model: Model = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Files at a time.  [default: the machine's cores]"),
    ] = None,
    config: Config = None,
) -> None:
    """Write the trajectories of sound files to a CSV table, faster than real time.

    The same pipeline as `run`. A file that cannot be read is named at the end and the exit code
    is 1; the others are written all the same.
    """
    options = {"channels": channels, "rate": rate, "model": model}
    settings = load(options, config_path=config, environ=os.environ)
    logs.configure(settings.log.format, "warning")
    if any(output.resolve() == file.resolve() for file in files):
        raise UsageError(f"{output} is one of the sound files; choose another --output")

    # Seconds to import, so not before help and mistakes are answered.
    from streamer.analyze import analyze_files, write_header
    from streamer.engines import open_engine

    wanted = settings.engine
    engine = open_engine(wanted.model, wanted.backend, wanted.require, sha256=wanted.digest)
    channel_numbers = settings.zones[0].channels
    console = Console(stderr=True)
    begun = time.monotonic()
    failed: list[Analysis] = []
    seconds = 0.0
    try:
        with output.open("w", encoding="utf-8", newline="") as table, _progress(console) as bar:
            write = write_header(table)
            task = bar.add_task("Listening", total=len(files))
            for analysis in analyze_files(
                files, engine, settings.tracking, channel_numbers, threads or os.cpu_count() or 1
            ):
                write(analysis)
                seconds += analysis.seconds
                if analysis.error:
                    failed.append(analysis)
                bar.advance(task)
    except OSError as error:
        raise UsageError(
            f"cannot write {output}: {error.strerror}; choose another --output"
        ) from None
    if len(failed) < len(files):
        _summarise(console, len(files) - len(failed), seconds, time.monotonic() - begun, output)
    if failed:
        raise StreamerError(_reasons(failed, len(files)))


def _reasons(failed: list["Analysis"], files: int) -> str:
    if files == 1:
        return str(failed[0].error)
    what = f"{len(failed)} of {files} files could not be read"
    if len(failed) == 1:
        return f"{what}: {failed[0].error}"
    return "".join([f"{what}:", *(f"\n  {analysis.error}" for analysis in failed)])


def _summarise(console: Console, files: int, seconds: float, elapsed: float, output: Path) -> None:
    peak = peak_memory()
    memory = f", peak memory {peak / 1e6:.0f} MB" if peak is not None else ""
    console.print(
        f"{files} files, {seconds:.1f} s of sound in {elapsed:.1f} s: "
        f"{seconds / elapsed:.0f} times real time{memory}; {output}",
        highlight=False,
        soft_wrap=True,
    )


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
