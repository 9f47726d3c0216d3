"""`streamer calibrate`."""

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
    from streamer.tracking.calibration.reference import Agreement

_AFTER_CLIPS = 15.0  # seconds to find the button on the player


def calibrate(
    input: Annotated[  # noqa: A002  (the option's name)
        str | None,
        typer.Option(
            "--input",
            "-i",
            metavar="mic|PATH|URL",
            help="What to listen to, as in `run`.  [default: the configuration's]",
        ),
    ] = None,
    device: Device = None,
    channels: Channels = None,
    zone: Annotated[
        str | None, typer.Option(help="The zone's name.  [default: the only one, or main]")
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            "-r",
            metavar="FILE|demo",
            help="Music that you play in the room from a file, while this listens; may be given "
            "several times. `demo` is the bundled piece.",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=10,
            max=3600,
            metavar="S",
            help="How long to listen.  [default: 60; with --reference, the clips and 15 s]",
        ),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete the zone's calibration, and do nothing else.")
    ] = False,
    model: Model = None,
    config: ConfigFile = None,
) -> None:
    """Fit a zone to its room: how loud the music comes in, and what the room does to it.

    Without --reference, let the music play as loud as on the evening: this finds the gain that
    brings it to the level the model knows. With --reference, play those very files over the
    house's loudspeakers while this listens: it finds them in what it hears, and also corrects
    valence and arousal so that they come out as they do from the files themselves.

    What was found is kept and used by `run` wherever the zone listens to the same input; a running
    one takes it over on SIGHUP or on the command `reload`.
    """
    options = {"input": input, "device": device, "channels": channels, "model": model}
    settings = load(options, config_path=config, environ=os.environ)
    logs.configure("console", "warning")
    chosen = _zone(settings, zone)

    # Seconds to import, so not before help and mistakes are answered.
    from streamer.tracking.calibration import (
        CalibrationStore,
        LevelMeter,
        calibrate_by_level,
        default_calibration_path,
    )

    store = CalibrationStore(settings.tracking.calibration or default_calibration_path(os.environ))
    console = Console(highlight=False)
    if forget:
        store.put(chosen.id, None)
        console.print(f"the zone {chosen.id} has no calibration now", soft_wrap=True)
        return
    clips = [_clip(name) for name in reference or ()]
    if not clips:
        blocks, rate = _listen(console, chosen, seconds or 60.0, [])
        levels = LevelMeter(rate)
        for block in blocks:
            levels.push(block)
        calibration, agreement = calibrate_by_level(chosen, levels.dbfs, store.get(chosen)), None
    else:
        from streamer.engines import open_engine
        from streamer.tracking.calibration.reference import calibrate_by_reference, seconds_of

        wanted = settings.engine
        engine = open_engine(wanted.model, wanted.backend, wanted.require, sha256=wanted.digest)
        blocks, rate = _listen(console, chosen, seconds or seconds_of(clips) + _AFTER_CLIPS, clips)
        with console.status("comparing"):
            calibration, agreement = calibrate_by_reference(
                chosen, blocks, rate, clips, engine, settings.tracking
            )
    store.put(chosen.id, calibration)
    console.print(f"heard at {calibration.level_dbfs:.1f} dBFS; {calibration}", soft_wrap=True)
    if agreement is not None:
        _tell(console, agreement)
    console.print(f"kept for the zone {chosen.id} in {store.file}", soft_wrap=True)


def _zone(settings: Settings, name: str | None) -> Zone:
    zones = settings.zones
    for zone in zones:
        if zone.id == name:
            return zone
    if len(zones) == 1:
        return zones[0] if name is None else zones[0].model_copy(update={"id": name})
    names = ", ".join(zone.id for zone in zones)
    raise UsageError(f"say which zone: --zone with one of {names}")


def _clip(name: str) -> Path:
    if name == "demo":
        from streamer.demo import PIECE

        return PIECE
    return Path(name)


def _listen(
    console: Console, zone: Zone, seconds: float, clips: list[Path]
) -> tuple[list["Block"], int]:
    """Return what a zone hears in so many seconds, and its rate in Hz."""
    what = " and ".join(clip.name for clip in clips) or "music as loud as on the evening"
    now = f"; now play {what}" if zone.input == "mic" else ""
    console.print(f"listening to {zone.input} for {seconds:.0f} s{now}", soft_wrap=True)
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
        asyncio.Runner(loop_factory=new_event_loop) as loops,
    ):
        return loops.run(_capture(zone, seconds, bar))


async def _capture(zone: Zone, seconds: float, bar: Progress) -> tuple[list["Block"], int]:
    from streamer.audio import open_source

    task = bar.add_task("Listening", total=seconds, level="")
    blocks: list[Block] = []
    async with open_source(zone) as source:
        async for block in source.blocks():
            blocks.append(block)
            heard = block.end_sample / source.rate
            power = float(np.mean(np.square(block.samples, dtype=np.float64)))
            level = f"{10 * math.log10(power):4.0f} dBFS" if power > 0 else "nothing"
            bar.update(task, completed=heard, level=level)
            if heard >= seconds:
                break
        return blocks, source.rate


def _tell(console: Console, agreement: "Agreement") -> None:
    for axis, before, after in zip(
        ("valence", "arousal"), agreement.before, agreement.after, strict=True
    ):
        console.print(
            f"{axis} was {before:.3f} away from the files' own on average, now {after:.3f}",
            soft_wrap=True,
        )
