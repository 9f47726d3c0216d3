"""`streamer lights`: drive lights from the estimates on MQTT."""

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
        typer.Option(help="Node name that `streamer run` publishes under.  [default: host name]"),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Zone to follow.  [default: zone in the show file]")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Draw palettes, fixtures and outputs in the terminal.")
    ] = False,
    dry: Annotated[
        bool, typer.Option("--dry", help="Send nothing: no sACN, Art-Net or OSC.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Validate the show file, print its patch, and exit.")
    ] = False,
    example: Annotated[
        bool, typer.Option("--example", help="Print an example show file with comments, and exit.")
    ] = False,
    log: Annotated[
        Literal["console", "json"] | None,
        typer.Option(
            help="Log format: a line for people, or one JSON object a line.  [default: console]"
        ),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Drive lights over sACN, Art-Net and OSC, configured by a show file.

    Create a show file: `streamer lights --example > show.toml`. Preview it while `streamer run`
    runs: `streamer lights show.toml --preview --dry`. Leave out `--dry` to drive the lights.

    A desk that sends sACN at its usual priority (100) overrides streamer (90) until it stops. The
    show file is reloaded within a second of a change, or at once on SIGHUP; if it is invalid, the
    current show continues. Without estimates the lights hold or fade. Ctrl-C stops.

    Light made from music is for effect: never for exits, warnings or anybody's safety. It may
    flash, which can harm people with photosensitive epilepsy.
    """
    from streamer.outputs.lights import (  # needs the extra `lights`
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
            "no show file: name it (`streamer lights show.toml`) or set show in [lights] of "
            "config.toml; create one with `streamer lights --example > show.toml`"
        )
    loaded = load_show(path)
    if check:
        _print_patch(path, loaded)
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
            f"--zone: {display_value(zone)} is not a zone name; did you mean "
            f"{display_value(slug(zone))}?"
        )
    if preview and not LiveView.suits(Console()):
        raise UsageError("--preview needs a terminal with UTF-8; leave it out")
    controller = LightController(
        loaded, node=settings.mqtt.node or default_node(), zone=zone, dry_run=dry
    )
    subscriber = ZoneSubscriber(
        settings.mqtt, existing_broker_address(settings.mqtt), zone=controller.zone
    )
    screen = Preview(controller, title=str(path)) if preview else None
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=new_event_loop) as runner,
    ):
        runner.run(_run(controller, subscriber, path, screen))


async def _run(
    controller: "LightController",
    subscriber: "ZoneSubscriber",
    path: Path,
    preview: "Preview | None",
) -> None:
    """Run all tasks until SIGINT or SIGTERM."""
    from streamer.outputs.lights import watch_show

    stop, reload = asyncio.Event(), asyncio.Event()
    install_signal_handlers(stop=stop.set, reload=reload.set)
    async with asyncio.TaskGroup() as group:
        work = [
            controller.run(),
            watch_show(path, controller, reload=reload),
            _follow(subscriber, controller),
        ]
        if preview is not None:
            work += [preview.run(), _update_broker(preview, subscriber)]
        tasks = [group.create_task(each) for each in work]
        await stop.wait()
        for task in tasks:
            task.cancel()


async def _follow(subscriber: "ZoneSubscriber", controller: "LightController") -> None:
    """Pass every received estimate to the light controller."""
    from streamer.tracking import Affect

    async with contextlib.aclosing(aiter(subscriber)) as messages:
        async for va in messages:
            affect = Affect(va.valence, va.arousal, va.valence_std, va.arousal_std)
            controller.update(affect, va.silence)


async def _update_broker(preview: "Preview", subscriber: "ZoneSubscriber") -> None:
    """Keep the broker in the preview's header up to date."""
    while True:
        preview.set_broker(str(subscriber.address), connected=bool(subscriber.connected))
        await asyncio.sleep(0.5)


def _print_patch(path: Path, show: "Show") -> None:
    """Print the DMX channels of every fixture, and the OSC messages."""
    from streamer.outputs.lights.dmx_patch import patch_fixtures

    protocols = {output.name: output.protocol for output in show.outputs}
    rows = [("output", "protocol", "universe", "channels", "fixture", "type")]
    for patched in sorted(
        patch_fixtures(show),
        key=lambda each: (each.fixture.output, each.fixture.universe, each.first),
    ):
        fixture = patched.fixture
        protocol, universe = protocols[fixture.output], str(fixture.universe)
        rows.append((fixture.output, protocol, universe, str(patched), fixture.name, fixture.type))
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
                palette = f" of {message.palette}" if message.palette is not None else ""
                typer.echo(f"  {message.address}  {message.value}{palette}")
    typer.echo(f"\n{escape_unprintable(str(path))} is valid")
