"""What is told of a run, as Prometheus names it: base units, counters that end in `_total`.

What stands in the health message is taken from there, field by field, with the field's description
as help: a whole number counts since the start, any other number is a gauge, and a suffix of a unit
(`_ms`) becomes the base unit (`_seconds`). A group of counters (`drops`) is one metric with a
label.

Labels tell the zone's name and the kind of its input, never its address.
"""

import platform
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from streamer.decoder.urls import is_url
from streamer.mqtt.payloads import Health, Message
from streamer.outputs.run_status import RunStatus
from streamer.tracking.zone import ZoneTracker

STATES: tuple[str, ...] = get_args(Health.model_fields["state"].annotation)

_OF_THE_PROGRAM = {
    "reconnects",
    "recording",
    "remote",
    "versions",
}  # alike for every zone, told once
_ELSEWHERE = {"v", "ts", "state", "uptime_s", "cpu_percent", "memory_mb"}  # or said by process_*
_LABELS = {"drops": "place", "cleaned": "kind", "latency_ms": "quantile", "delays": "stage"}
_QUANTILES = {"p50": "0.5", "p99": "0.99", "max": "1"}
_NAMES = {"latency_ms": "publish_latency_ms", "delays": "delay", "cleaned": "cleaned_samples"}
_HELP = {
    "latency_ms": "From capture of a window's newest sample to publishing, of the last 600.",
    "drift_ppm": "How much faster the source's clock runs than ours.",
    "gain_db": "What the sound is raised by before it is heard.",
}
_UNITS = {
    "ms": ("seconds", 1e-3),
    "s": ("seconds", 1.0),
    "hz": ("hertz", 1.0),
    "ppm": ("ratio", 1e-6),
    "percent": ("ratio", 1e-2),
    "mb": ("bytes", 1e6),
    "db": ("decibels", 1.0),
}


class RunCollector(Collector):
    """Looks at a run whenever it is asked.

    Parameters
    ----------
    run
        The run.
    """

    def __init__(self, run: RunStatus) -> None:
        self._run = run

    def describe(self) -> Iterable[Metric]:
        """Name nothing before it is asked."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of the zones and of the program."""
        health = self._run.health()
        yield from _of_health(health.items())
        yield from _of_trackers(self._run.trackers.values())
        if health:
            yield from self._of_program(next(iter(health.values())))

    def _of_program(self, health: Health) -> Iterator[Metric]:
        broker, engine = self._run.broker, self._run.engine
        told = {"python": platform.python_version(), **health.versions}
        told["version"] = told.pop("streamer", "")
        yield InfoMetricFamily("streamer_build", "The program and its weights.", told)
        yield _gauge("broker_connected", "Whether the broker is there.", bool(broker.connected))
        yield _counter("reconnects", _help("reconnects", health), broker.reconnects)
        yield _gauge(
            "engine_trouble",
            "Whether the engine is not the one asked for.",
            bool(engine.last_error),
        )
        yield _gauge("stuck", "Whether a zone is stuck.", bool(self._run.stall))
        if (threads := _threads()) is not None:
            yield _gauge("process_threads", "Threads of the process.", threads)
        if remote := health.remote:
            what = "Questions to a server of engines, by what became of them."
            asked = CounterMetricFamily("streamer_remote_questions", what, labels=["outcome"])
            for outcome in ("answered", "late", "failed", "local"):
                asked.add_metric([outcome], getattr(remote, outcome))
            yield asked
            if latency := remote.latency_ms:
                what = "How long the last answers of the server of engines took."
                took = GaugeMetricFamily(
                    "streamer_remote_latency_seconds", what, labels=["quantile"]
                )
                for name, quantile in _QUANTILES.items():
                    took.add_metric([quantile], getattr(latency, name) * 1e-3)
                yield took
        if recording := health.recording:
            yield _gauge("recording", "Whether estimates are recorded.", not recording.trouble)
            for name in ("recorded", "dropped"):
                what = type(recording).model_fields[name].description or ""
                yield _counter(f"recording_{name}", what, getattr(recording, name))


class _Sample(NamedTuple):
    """A number of a zone, before it is in its family."""

    name: str
    help: str
    counts: bool
    labels: dict[str, str]
    value: float


def _of_health(zones: Iterable[tuple[str, Health]]) -> Iterator[Metric]:
    """Yield what the messages hold."""
    families: dict[str, Metric] = {}
    states = GaugeMetricFamily("streamer_zone_state", "1 for the state that holds.")
    families[states.name] = states
    for zone, health in zones:
        for state in STATES:
            states.add_sample(
                states.name, {"zone": zone, "state": state}, float(state == health.state)
            )
        for name in type(health).model_fields:
            if name in _OF_THE_PROGRAM | _ELSEWHERE:
                continue
            for sample in _samples(name, _help(name, health), getattr(health, name)):
                kind = CounterMetricFamily if sample.counts else GaugeMetricFamily
                family = families.setdefault(sample.name, kind(sample.name, sample.help))
                full = sample.name + ("_total" if sample.counts else "")
                family.add_sample(full, {"zone": zone, **sample.labels}, sample.value)
    yield from families.values()


def _samples(name: str, told: str, value: object) -> Iterator[_Sample]:
    """Yield what one field of a message becomes; nothing of words and of what is not there."""
    if isinstance(value, Message):
        label, base = _LABELS.get(name, "kind"), _NAMES.get(name, name)
        told = told or (type(value).__doc__ or "").partition("\n")[0]
        for key in type(value).model_fields:
            part = getattr(value, key)
            if isinstance(part, int | float):
                stem, unit, factor = _unit(key)
                whole = f"{base}_{unit}" if unit else base
                yield from _number(whole, told, part, {label: _QUANTILES.get(stem, stem)}, factor)
    elif isinstance(value, int | float):
        yield from _number(name, told, value, {}, 1.0)


def _number(
    name: str, told: str, value: float, labels: dict[str, str], factor: float
) -> Iterator[_Sample]:
    stem, unit, scale = _unit(name)
    full = f"streamer_{stem}_{unit}" if unit else f"streamer_{stem}"
    counts = isinstance(value, int) and not isinstance(value, bool)
    yield _Sample(full, told, counts, labels, value * scale * factor)


def _unit(name: str) -> tuple[str, str, float]:
    """Split a name in stem and base unit, with the factor to that; no unit is an empty one."""
    stem, _, suffix = name.rpartition("_")
    unit, factor = _UNITS.get(suffix, ("", 1.0))
    return (stem, unit, factor) if stem and unit else (name, "", 1.0)


def _of_trackers(trackers: Iterable[ZoneTracker]) -> Iterator[Metric]:
    """Yield what is true of each zone now, and is in no health message."""
    families: dict[str, Metric] = {}
    now = time.monotonic()
    for tracker in trackers:
        for name, told, value in _now(tracker, now):
            full = f"streamer_{name}"
            family = families.setdefault(full, GaugeMetricFamily(full, told))
            family.add_sample(full, {"zone": tracker.id}, float(value))
        heard = InfoMetricFamily("streamer_zone", "What a zone listens to.")
        families.setdefault("streamer_zone", heard).add_sample(
            "streamer_zone_info", {"zone": tracker.id, "input": _kind(tracker)}, 1.0
        )
    yield from families.values()


def _now(tracker: ZoneTracker, now: float) -> Iterator[tuple[str, str, float]]:
    status, target_rate = tracker.status, tracker.rate_controller.target_rate
    yield "wanted_rate_hertz", "Estimates a second that are wanted.", target_rate
    yield "sound_age_seconds", "Since sound arrived last.", status.seconds_since_audio
    yield "zone_engine_trouble", "Whether the last window failed.", bool(status.engine_error)
    update = status.last_update
    if update is None:
        return
    yield "last_estimate_age_seconds", "Since the last estimate's sound.", now - update.captured
    yield "valence", "Unpleasant (-1) to pleasant (1).", update.smooth.valence
    yield "arousal", "Calm (-1) to excited (1).", update.smooth.arousal
    yield "valence_deviation", "Standard deviation of the valence.", update.smooth.valence_std
    yield "arousal_deviation", "Standard deviation of the arousal.", update.smooth.arousal_std
    yield "level_dbfs", "Level of the sound in decibels below full scale.", update.level
    yield "silence", "Whether the zone is held to be silent.", update.silence
    yield "warm_ratio", "Share of the window heard since the last gap.", update.warm


def _kind(tracker: ZoneTracker) -> str:
    if is_url(tracker.input):
        return "stream"
    return {"mic": "microphone", "demo": "demo", "-": "pipe"}.get(tracker.input, "file")


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"streamer_{name}", told, float(value))


def _counter(name: str, told: str, value: float) -> Metric:
    return CounterMetricFamily(f"streamer_{name}", told, float(value))


def _help(field: str, health: Health) -> str:
    return _HELP.get(field) or type(health).model_fields[field].description or field


def _threads() -> int | None:
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return None
