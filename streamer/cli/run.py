"""`streamer run`: track live audio and publish the estimates."""

import asyncio
import contextlib
import os
import signal
import sys
from typing import Annotated

import typer

from streamer import logs
from streamer.app.process import new_event_loop
from streamer.cli import options
from streamer.config import Config, load, load_with_origins


def run(
    input: options.Input = None,  # noqa: A002 - the option's name
    device: options.Device = None,
    channels: options.Channels = None,
    loop: options.Loop = None,
    raw_format: options.RawFormat = None,
    raw_rate: options.RawRate = None,
    raw_channels: options.RawChannels = None,
    broker: options.Broker = None,
    node: options.Node = None,
    zone: options.ZoneId = None,
    rate: options.Rate = None,
    model: options.Model = None,
    require: options.Require = None,
    remote: options.Remote = None,
    lights: options.Lights = None,
    record: options.Record = None,
    record_audio: options.RecordAudio = None,
    metrics: options.Metrics = None,
    dashboard: options.Dashboard = None,
    dashboard_listen: options.DashboardListen = None,
    wait: options.Wait = None,
    view: Annotated[
        bool, typer.Option("--view/--no-view", help="Show a live view in the terminal.")
    ] = True,
    log: options.Log = None,
    config: options.ConfigFile = None,
) -> None:
    """Track live audio and publish valence and arousal over MQTT.

    Estimates are published on `streamer/<node>/<zone>/va` ten times a second, a summary on
    `.../state` once a second, and health on `.../health` every 10 s. The node is this machine, a
    zone is one audio input. Print all messages with `mosquitto_sub -v -t 'streamer/#'`.

    Ctrl-C stops the run. SIGHUP reloads the configuration.
    """
    given = options.given_settings(locals())
    loaded = load_with_origins(given, config_path=config, environ=os.environ)

    def reload() -> Config:  # of the same file, even if it is gone and another would be found
        return load(given, config_path=loaded.file or config, environ=os.environ)

    settings = loaded.config
    if hasattr(signal, "SIGHUP") and not sys.stderr.isatty():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the run installs its handler
    logs.configure(settings.log.format, settings.log.level)

    # These take seconds to import, so only once the options are known to be valid.
    from rich.console import Console

    from streamer.app.runtime import Run
    from streamer.engines import Engine, open_engine
    from streamer.engines.remote.remote_engine import open_remote_engine
    from streamer.outputs.terminal.live_view import LiveView

    table = settings.engine
    local = open_engine(table.model, table.backend, table.require, sha256=table.digest)
    engine: Engine = local
    if table.remote.url is not None:
        engine = open_remote_engine(table.remote, local, table.model)
    console = Console()
    show_view = view and settings.log.format == "console" and LiveView.suits(console)
    live_run = Run(settings, engine, console if show_view else None, reload)
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=new_event_loop) as loops,
    ):
        loops.run(live_run.run())
