"""`streamer calibrate`: measure gain and correction of a zone in its room."""

import asyncio
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from streamer import logs
from streamer.app.process import new_event_loop
from streamer.cli.options import Channels, ConfigFile, Device, Model
from streamer.config import Config as Settings
from streamer.config import Zone, load
from streamer.errors import UsageError

if TYPE_CHECKING:
    from streamer.audio import Block
    from streamer.tracking.calibration.reference import ReferenceDistance

_DEFAULT_SECONDS = 60.0
_EXTRA_SECONDS = 15.0  # to start the player, beyond the duration of the reference files


def calibrate(
    input: Annotated[  # noqa: A002  (the option's name)
        str | None,
        typer.Option(
            "--input",
            "-i",
            metavar="mic|PATH|URL",
            help="Input to record, as in `run`.  [default: that of the configuration]",
        ),
    ] = None,
    device: Device = None,
    channels: Channels = None,
    zone: Annotated[
        str | None, typer.Option(help="Name of the zone.  [default: the only one, or main]")
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            "-r",
            metavar="FILE|demo",
            help="Audio file that you play in the room during the recording. Can be given several "
            "times. `demo` is the bundled piece.",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=10,
            max=3600,
            metavar="S",
            help="Duration of the recording.  [default: 60; with --reference, that of the files "
            "and 15 s more]",
        ),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete the calibration of the zone and exit.")
    ] = False,
    model: Model = None,
    config: ConfigFile = None,
) -> None:
    """Calibrate a zone for its room: gain of the audio, and correction of the estimates.

    Without --reference, play any music at the volume of the event. The gain that brings it to the
    level of the training recordings is measured. With --reference, play those files over the
    loudspeakers of the room. They are located in the recording, and valence and arousal are
    corrected, too, so that they match those of the files.

    The result is stored, and `run` uses it for a zone with the same input. A running program loads
    it on SIGHUP or on the command `reload`.
    """
    options = {"input": input, "device": device, "channels": channels, "model": model}
    settings = load(options, config_path=config, environ=os.environ)
    logs.configure("console", "warning")
    chosen = _choose_zone(settings, zone)

    # Takes seconds to import, so help and usage errors come first.
    from streamer.tracking.calibration import (
        CalibrationStore,
        LevelMeter,
        calibrate_by_level,
        default_calibration_path,
    )

    store = CalibrationStore(settings.tracking.calibration or default_calibration_path(os.environ))
    console = Console(highlight=False, soft_wrap=True)
    if forget:
        store.put(chosen.id, None)
        console.print(f"the zone {chosen.id} has no calibration now")
        return
    files = [_reference_path(name) for name in reference or ()]
    distance = None
    if files:
        from streamer.engines import open_engine
        from streamer.tracking.calibration.reference import calibrate_by_reference, total_seconds

        wanted = settings.engine
        engine = open_engine(wanted.model, wanted.backend, wanted.require, sha256=wanted.digest)
        blocks, rate = _record(
            console, chosen, seconds or total_seconds(files) + _EXTRA_SECONDS, files
        )
        with console.status("comparing"):
            calibration, distance = calibrate_by_reference(
                chosen, blocks, rate, files, engine, settings.tracking
            )
    else:
        blocks, rate = _record(console, chosen, seconds or _DEFAULT_SECONDS, [])
        meter = LevelMeter(rate)
        for block in blocks:
            meter.push(block)
        calibration = calibrate_by_level(chosen, meter.levels, store.get(chosen))
    store.put(chosen.id, calibration)
    console.print(f"programme level {calibration.level_dbfs:.1f} dBFS; {calibration}")
    if distance is not None:
        _print_distance(console, distance)
    console.print(f"stored for the zone {chosen.id} in {store.file}")


def _choose_zone(settings: Settings, name: str | None) -> Zone:
    zones = settings.zones
    for zone in zones:
        if zone.id == name:
            return zone
    if len(zones) == 1:
        return zones[0] if name is None else zones[0].model_copy(update={"id": name})
    names = ", ".join(zone.id for zone in zones)
    raise UsageError(f"cannot tell which zone to calibrate: give --zone with one of {names}")


def _reference_path(name: str) -> Path:
    if name == "demo":
        from streamer.demo import PIECE

        return PIECE
    return Path(name)


def _record(
    console: Console, zone: Zone, seconds: float, files: list[Path]
) -> tuple[list["Block"], int]:
    """Record the input of a zone for so many seconds; return the blocks and their rate in Hz."""
    music = " and ".join(file.name for file in files) or "music at the volume of the event"
    prompt = f"; now play {music}" if zone.input == "mic" else ""
    console.print(f"recording {zone.input} for {seconds:.0f} s{prompt}")
    with (
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[level]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ) as bar,
        asyncio.Runner(loop_factory=new_event_loop) as runner,
    ):
        return runner.run(_capture(zone, seconds, bar))


async def _capture(zone: Zone, seconds: float, bar: Progress) -> tuple[list["Block"], int]:
    from streamer.audio import open_source

    task = bar.add_task("Recording", total=seconds, level="")
    blocks: list[Block] = []
    async with open_source(zone) as source:
        async for block in source.blocks():
            blocks.append(block)
            recorded = block.end_sample / source.rate
            power = float(np.mean(np.square(block.samples, dtype=np.float64)))
            level = f"{10 * math.log10(power):4.0f} dBFS" if power > 0 else "silence"
            bar.update(task, completed=recorded, level=level)
            if recorded >= seconds:
                break
        return blocks, source.rate


def _print_distance(console: Console, distance: "ReferenceDistance") -> None:
    axes = zip(("valence", "arousal"), distance.before, distance.after, strict=True)
    for axis, before, after in axes:
        console.print(
            f"mean distance of {axis} to that of the files: {before:.3f} before, {after:.3f} now"
        )
