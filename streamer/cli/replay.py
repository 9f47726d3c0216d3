"""`streamer replay`: publish a recording over MQTT with its original timing."""

import asyncio
import contextlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from streamer import logs
from streamer.app.process import new_event_loop
from streamer.cli.options import ConfigFile
from streamer.config import Config as Settings
from streamer.config import load
from streamer.outputs.sink import Sink
from streamer.outputs.terminal.history import clock, signed

if TYPE_CHECKING:
    from streamer.outputs.recording import Recording
    from streamer.tracking.update import Update

logger = logging.getLogger(__name__)


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording of `streamer run`.")],
    broker: Annotated[
        str | None,
        typer.Option(
            metavar="auto|embedded|URL", help="MQTT broker, as in `run`.  [default: auto]"
        ),
    ] = None,
    node: Annotated[
        str | None, typer.Option(help="Node name in the topics.  [default: host name]")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Zone name.  [default: as recorded]")] = None,
    speed: Annotated[
        float, typer.Option(min=0.01, max=100, metavar="X", help="Factor of the original speed.")
    ] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Repeat until Ctrl-C.")] = False,
    start: Annotated[
        float, typer.Option("--from", min=0, metavar="SECONDS", help="Position to start from.")
    ] = 0.0,
    lights: Annotated[
        Path | None,
        typer.Option(metavar="SHOW", help="Also drive lights with this show file."),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Publish a recorded trajectory over MQTT with its original timing.

    Topics and messages equal those of `run`, so a show can be programmed without the band. Lights
    follow with `--lights` or in `streamer lights`. FILE is a Parquet file, or the journal of a
    recording that is in progress or was cut off. Ctrl-C stops.
    """
    options = {"broker": broker, "node": node}
    settings = load(options, config_path=config, environ=os.environ)

    # Imported late: takes seconds, which --help and configuration errors should not.
    from streamer.outputs.recording import read_recording

    recording = read_recording(file)
    if zone is not None:
        recording = recording.with_zone(zone)
    console = Console(stderr=True)
    show_progress = console.is_terminal and settings.log.format == "console"
    with (
        contextlib.suppress(KeyboardInterrupt),
        _ProgressLine(console, recording, show_progress) as progress,
    ):
        logs.configure(settings.log.format, settings.log.level)
        if recording.unfinished_note:
            logger.warning("%s", recording.unfinished_note)
        logger.info("replaying %s: %s", file, clock(recording.duration))
        work = _run(recording, settings, lights, progress, speed=speed, loop=loop, start=start)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(work)


async def _run(
    recording: "Recording",
    settings: Settings,
    show: Path | None,
    progress: "_ProgressLine",
    **options: Any,
) -> None:
    """Replay to MQTT, the progress line and, if given, a show."""
    from streamer.app.replay_publisher import publish_replay
    from streamer.mqtt import default_node

    sinks: list[Sink] = [progress]
    if show is not None:
        from streamer.outputs.lights import LiveShow

        node = settings.mqtt.node or default_node()
        sinks.append(LiveShow(show, node=node, zones=[recording.zone]))
    await publish_replay(recording, settings.mqtt, sinks, **options)


class _ProgressLine(Sink):
    """Progress line of the replay in the terminal; log messages appear above it."""

    def __init__(self, console: Console, recording: "Recording", visible: bool) -> None:
        self._start = float(recording.columns["time"][0])
        self._end = clock(recording.duration)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[affect]}"),
            console=console,
            refresh_per_second=5,
            disable=not visible,
        )
        self._task = self._progress.add_task(self._end, total=recording.duration, affect="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def offer_update(self, zone: str, update: "Update") -> None:
        """Show the position of an update."""
        position = update.time - self._start
        affect = update.smooth
        self._progress.update(
            self._task,
            completed=position,
            description=f"{zone}  {clock(position)} / {self._end}",
            affect=f"valence {signed(affect.valence)}  arousal {signed(affect.arousal)}",
        )
