"""Construct the configured outputs of a run; an optional extra is imported only if it is used."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from streamer.app.controller import Controller
from streamer.config import Config
from streamer.mqtt import default_node
from streamer.outputs.run_status import RunStatus
from streamer.outputs.sink import Sink

if TYPE_CHECKING:
    from streamer.outputs.dashboard.dashboard import Dashboard
    from streamer.outputs.lights import LiveShow
    from streamer.outputs.metrics import Metrics
    from streamer.outputs.recording import Recorder
    from streamer.outputs.terminal.live_view import LiveView


@dataclass(frozen=True)
class Outputs:
    """The outputs of a run beside MQTT, each None if not configured; iterate for those that are."""

    metrics: "Metrics | None"
    dashboard: "Dashboard | None"
    recorder: "Recorder | None"
    lights: "LiveShow | None"
    terminal: "LiveView | None"

    def __iter__(self) -> Iterator[Sink]:
        every = (self.metrics, self.dashboard, self.recorder, self.lights, self.terminal)
        return (sink for sink in every if sink is not None)


def make_outputs(
    config: Config, run: RunStatus, controller: Controller, console: Console | None
) -> Outputs:
    """Construct the outputs that the configuration asks for, not yet opened.

    Parameters
    ----------
    config
        Whose tables `[metrics]`, `[dashboard]`, `[record]` and `[lights]` choose the outputs.
    run
        What the outputs may read.
    controller
        Executes commands from the dashboard.
    console
        Terminal for the live view; None for none.

    Raises
    ------
    UsageError
        A show file or setting is invalid, or an extra is not installed.
    """
    lights = _make_lights(config)
    dashboard = _make_dashboard(config, run, controller, lights)
    return Outputs(
        metrics=_make_metrics(config, run),
        dashboard=dashboard,
        recorder=_make_recorder(config, run),
        lights=lights,
        terminal=_make_terminal(config, run, console, dashboard),
    )


def _make_metrics(config: Config, run: RunStatus) -> "Metrics | None":
    if config.metrics.listen is None:
        return None
    from streamer.outputs.metrics import Metrics

    return Metrics(config.metrics.listen, run)


def _make_dashboard(
    config: Config, run: RunStatus, controller: Controller, lights: "LiveShow | None"
) -> "Dashboard | None":
    if not config.dashboard.serve:
        return None
    from streamer.outputs.dashboard.dashboard import Dashboard

    return Dashboard(config, run, controller, lights)


def _make_recorder(config: Config, run: RunStatus) -> "Recorder | None":
    if config.record.folder is None:
        return None
    from streamer.outputs.recording import Recorder

    inputs = {zone: tracker.input for zone, tracker in run.trackers.items()}
    return Recorder(config.record, inputs, model=run.engine.model)


def _make_lights(config: Config) -> "LiveShow | None":
    if config.lights.show is None:
        return None
    from streamer.outputs.lights import LiveShow

    zones = [zone.id for zone in config.zones]
    return LiveShow(config.lights.show, node=config.mqtt.node or default_node(), zones=zones)


def _make_terminal(
    config: Config, run: RunStatus, console: Console | None, dashboard: "Dashboard | None"
) -> "LiveView | None":
    if console is None:
        return None
    from streamer.mqtt import Topics
    from streamer.outputs.terminal.live_view import LiveView

    return LiveView(
        {zone: tracker.input for zone, tracker in run.trackers.items()},
        topic=Topics.from_config(config.mqtt).base,
        page=dashboard.address if dashboard is not None else "",
        console=console,
        run=run,
    )
