"""`streamer run`."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from streamer import logs
from streamer.app.process import new_event_loop
from streamer.config import Config as Settings
from streamer.config import load, load_with_origins

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Configuration file to use.")
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        "-d",
        metavar="NAME|INDEX",
        help="Which microphone: words of its name, or its index; `streamer devices` lists "
        "them.  [default: the system's]",
    ),
]
Channels = Annotated[
    str | None,
    typer.Option(metavar="3,4", help="Channels to mix to mono, counted from 1.  [default: all]"),
]
Rate = Annotated[
    float | None, typer.Option(metavar="HZ", help="Estimates a second.  [default: 10]")
]
Remote = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Server of engines to ask first, http://HOST[:PORT], or with TLS https://HOST[:PORT]; "
        "where it is away or late, the engine here answers.  [default: none]",
    ),
]
Model = Annotated[
    Path | None, typer.Option(metavar="FILE", help="ONNX weights in place of the shipped ones.")
]


Require = Annotated[
    Literal["any", "gpu"] | None,
    typer.Option(help="Whether anything but a GPU will do for the network.  [default: any]"),
]


def run(
    input: Annotated[  # noqa: A002  (the option's name)
        str | None,
        typer.Option(
            "--input",
            "-i",
            metavar="mic|demo|PATH|URL|-",
            help="A microphone, the bundled piece, a sound file, a live stream (http, https, also "
            "as HLS, rtsp, rtp, udp), or raw samples on standard input.  [default: demo]",
        ),
    ] = None,
    device: Device = None,
    channels: Channels = None,
    loop: Annotated[
        bool | None, typer.Option("--loop/--once", help="Start a file again at its end.")
    ] = None,
    raw_format: Annotated[
        Literal["s16le", "f32le"] | None,
        typer.Option(help="Samples on standard input.  [default: s16le]"),
    ] = None,
    raw_rate: Annotated[
        int | None, typer.Option(metavar="HZ", help="Their rate.  [default: 44100]")
    ] = None,
    raw_channels: Annotated[
        int | None, typer.Option(metavar="N", help="Their interleaved channels.  [default: 2]")
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(
            metavar="auto|embedded|URL",
            help="MQTT broker: the local one or else an embedded one, an embedded one, "
            "mqtt://HOST[:PORT], or with TLS mqtts://HOST[:PORT].  [default: auto]",
        ),
    ] = None,
    node: Annotated[
        str | None, typer.Option(help="This machine's name in the topics.  [default: host name]")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="The zone's name.  [default: main]")] = None,
    rate: Rate = None,
    model: Model = None,
    require: Require = None,
    remote: Remote = None,
    lights: Annotated[
        Path | None,
        typer.Option(
            metavar="SHOW", help="Drive lights by this show file, as `streamer lights` does."
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Record the estimates in this folder, for `replay`."),
    ] = None,
    record_audio: Annotated[
        bool | None, typer.Option("--record-audio", help="Record the sound there too, as FLAC.")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Numbers for Prometheus, by HTTP: 127.0.0.1:9464.  [default: nowhere]",
        ),
    ] = None,
    dashboard: Annotated[
        bool | None,
        typer.Option("--dashboard", help="Serve a page on which the run is watched and turned."),
    ] = None,
    dashboard_listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where; an address that other machines reach needs a token.  "
            "[default: 127.0.0.1:8710]",
        ),
    ] = None,
    wait: Annotated[
        bool | None,
        typer.Option("--wait", help="Start without a broker or microphone, and wait for it."),
    ] = None,
    view: Annotated[
        bool, typer.Option("--view/--no-view", help="Draw the trajectory in the terminal.")
    ] = True,
    log: Annotated[
        Literal["console", "json"] | None,
        typer.Option(help="Messages for people or one JSON object a line.  [default: console]"),
    ] = None,
    config: Config = None,
) -> None:
    """Track live sound and publish valence and arousal over MQTT.

    Messages go to `streamer/<node>/<zone>/va` ten times a second, and to `state` and `health`
    beside it. Watch them: `mosquitto_sub -v -t 'streamer/#'`. Ctrl-C stops. SIGHUP reads the
    configuration again.
    """
    options = {
        "input": input,
        "device": device,
        "channels": channels,
        "loop": loop,
        "raw-format": raw_format,
        "raw-rate": raw_rate,
        "raw-channels": raw_channels,
        "broker": broker,
        "node": node,
        "zone": zone,
        "rate": rate,
        "model": model,
        "require": require,
        "remote": remote,
        "lights": lights,
        "record": record,
        "record-audio": record_audio,
        "metrics": metrics,
        "dashboard": dashboard,
        "dashboard-listen": dashboard_listen,
        "wait": wait,
        "log": log,
    }

    loaded = load_with_origins(options, config_path=config, environ=os.environ)

    def read() -> Settings:  # the same file, even where it is gone and another would be found
        return load(options, config_path=loaded.file or config, environ=os.environ)

    settings = loaded.config
    if hasattr(signal, "SIGHUP") and not sys.stderr.isatty():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until `Run` installs its handler
    logs.configure(settings.log.format, settings.log.level)

    # Seconds to import, so not before help and mistakes are answered.
    from rich.console import Console

    from streamer.app.runtime import Run
    from streamer.engines import Engine, open_engine
    from streamer.engines.remote.remote_engine import open_remote_engine
    from streamer.outputs.terminal.live_view import LiveView

    wanted = settings.engine
    engine: Engine = (
        here := open_engine(wanted.model, wanted.backend, wanted.require, sha256=wanted.digest)
    )
    if wanted.remote.url is not None:
        engine = open_remote_engine(wanted.remote, here, wanted.model)
    console = Console()
    shown = view and settings.log.format == "console" and LiveView.suits(console)
    tracking = Run(settings, engine, console if shown else None, read)
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=new_event_loop) as loops,
    ):
        loops.run(tracking.run())
