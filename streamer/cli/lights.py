"""`streamer lights`."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.cells import cell_len

from streamer import logs
from streamer.app.process import install_signal_handlers, new_event_loop
from streamer.cli.options import ConfigFile
from streamer.config import load
from streamer.config.layer import display_value
from streamer.errors import UsageError
from streamer.helpers import escape_unprintable

if TYPE_CHECKING:
    from streamer.mqtt.subscriber import ZoneSubscriber
    from streamer.outputs.lights import LightController, Show
    from streamer.outputs.lights.preview import Preview


def lights(
    show: Annotated[
        Path | None,
        typer.Argument(
            metavar="SHOW", help="Show file (TOML).  [default: show in \\[lights] of config.toml]"
        ),
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(
            metavar="auto|URL",
            help="MQTT broker that `streamer run` publishes to: the one on this machine, "
            "mqtt://HOST[:PORT], or with TLS mqtts://HOST[:PORT].  [default: auto]",
        ),
    ] = None,
    node: Annotated[
        str | None,
        typer.Option(help="Name in the topics of the machine that runs it.  [default: host name]"),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Zone to follow.  [default: that of the show]")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Draw palettes, fixtures and outputs in the terminal.")
    ] = False,
    dry: Annotated[bool, typer.Option("--dry", help="Send no light data.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Say whether the show is valid, and print its patch.")
    ] = False,
    example: Annotated[
        bool, typer.Option("--example", help="Print a show to begin with, which explains itself.")
    ] = False,
    log: Annotated[
        Literal["console", "json"] | None,
        typer.Option(help="Messages for people or one JSON object a line.  [default: console]"),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Drive lights with the music: sACN, Art-Net and OSC, by a show file.

    Begin with `streamer lights --example > show.toml`, and look at it while `streamer run` plays:
    `streamer lights show.toml --preview --dry`. Leave out `--dry` for light.

    A desk that sends sACN at its usual priority (100) wins over this (90), and gives back when it
    stops. Save the show file while it runs: the change is taken over within a second (or at once
    with SIGHUP); a mistake in it is told, and the last good show goes on. When no estimates come,
    the look is held or fades. Ctrl-C ends the stream.

    Light made from music is for effect: never for exits, warnings or anybody's safety. It may
    flash; think of those who are sensitive to that.
    """
    from streamer.outputs.lights import (  # wants the extra `lights`
        LightController,
        example_text,
        load_show,
    )

    if example:
        typer.echo(example_text(), nl=False)
        return
    options = {"broker": broker, "node": node, "lights": show, "log": log}
    settings = load(options, config_path=config, environ=os.environ)
    path = settings.lights.show
    if path is None:
        raise UsageError(
            "which show? give its file, `streamer lights show.toml`, or show in [lights] of "
            "config.toml; `streamer lights --example > show.toml` begins one"
        )
    found = load_show(path)
    if check:
        _print_patch(path, found)
        return
    logs.configure(settings.log.format, settings.log.level)

    from rich.console import Console

    from streamer.mqtt import default_node, existing_broker_address
    from streamer.mqtt.subscriber import ZoneSubscriber
    from streamer.mqtt.topics import slug
    from streamer.outputs.lights.preview import Preview
    from streamer.outputs.terminal.live_view import LiveView

    if zone is not None and slug(zone) != zone:
        raise UsageError(
            f"--zone: {display_value(zone)} is no zone; did you mean {display_value(slug(zone))}?"
        )
    if preview and not LiveView.suits(Console()):
        raise UsageError("--preview needs a terminal with UTF-8; leave it out")
    playing = LightController(found, node=settings.mqtt.node or default_node(), zone=zone, dry=dry)
    follower = ZoneSubscriber(
        settings.mqtt, existing_broker_address(settings.mqtt), zone=playing.zone
    )
    picture = Preview(playing, title=str(path)) if preview else None
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=new_event_loop) as loops,
    ):
        loops.run(_play(playing, follower, path, picture))


async def _play(
    lights: "LightController", follower: "ZoneSubscriber", path: Path, preview: "Preview | None"
) -> None:
    """Run everything until SIGINT or SIGTERM."""
    from streamer.outputs.lights import watch_show

    stop, reload = asyncio.Event(), asyncio.Event()
    install_signal_handlers(stop=stop.set, reload=reload.set)
    async with asyncio.TaskGroup() as group:
        parts = [
            lights.run(),
            watch_show(path, lights, reload=reload),
            _follow(follower, lights),
        ]
        if preview is not None:
            parts += [preview.run(), _inform(preview, follower)]
        tasks = [group.create_task(part) for part in parts]
        await stop.wait()
        for task in tasks:
            task.cancel()


async def _follow(follower: "ZoneSubscriber", lights: "LightController") -> None:
    from streamer.tracking import Affect

    async with contextlib.aclosing(aiter(follower)) as estimates:
        async for va in estimates:
            here = Affect(va.valence, va.arousal, va.valence_std, va.arousal_std)
            lights.update(here, va.silence)


async def _inform(preview: "Preview", follower: "ZoneSubscriber") -> None:
    while True:
        preview.set_broker(str(follower.address), connected=bool(follower.connected))
        await asyncio.sleep(0.5)


def _print_patch(path: Path, show: "Show") -> None:
    from streamer.outputs.lights import dmx_patch as patch

    protocols = {output.name: output.protocol for output in show.outputs}
    rows = [("output", "protocol", "universe", "channels", "fixture", "type")]
    rows += [
        (
            place.fixture.output,
            protocols[place.fixture.output],
            str(place.fixture.universe),
            str(place),
            place.fixture.name,
            place.fixture.type,
        )
        for place in sorted(
            patch.patch_fixtures(show),
            key=lambda place: (place.fixture.output, place.fixture.universe, place.first),
        )
    ]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        )
        typer.echo("  ".join(cells).rstrip())
    for output in show.outputs:
        if output.protocol == "osc":
            typer.echo(f"\n{output.name}: OSC to {output.host}:{output.port}")
            for message in output.messages:
                of = f" of {message.palette}" if message.palette is not None else ""
                typer.echo(f"  {message.address}  {message.value}{of}")
    typer.echo(f"\n{escape_unprintable(str(path))} is valid")
