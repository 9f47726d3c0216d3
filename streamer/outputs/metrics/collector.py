"""Map the state of a run to Prometheus metrics: base units, counters with the suffix `_total`.

Numeric fields of the health message become metrics automatically, with the field's description as
help text: an integer is a counter, any other number a gauge, and a unit suffix (`_ms`) becomes the
base unit (`_seconds`). A nested object (`drops`) is one metric with a label.

Labels hold the zone's name and the kind of its input, never its address.
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

_PROCESS_FIELDS = {"reconnects", "recording", "remote", "versions"}  # the same for every zone
_SKIPPED_FIELDS = {"v", "ts", "state", "uptime_s", "cpu_percent", "memory_mb"}  # see process_*
_LABELS = {"drops": "place", "cleaned": "kind", "latency_ms": "quantile", "delays": "stage"}
_QUANTILES = {"p50": "0.5", "p99": "0.99", "max": "1"}
_NAMES = {"latency_ms": "publish_latency_ms", "delays": "delay", "cleaned": "cleaned_samples"}
_HELP = {
    "latency_ms": "Time from capture of a window's newest sample to publishing (last 600).",
    "drift_ppm": "Relative drift of the source's clock against this machine's.",
    "gain_db": "Gain applied to the audio before the network.",
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
    """Prometheus collector that reads a run at each scrape.

    Parameters
    ----------
    run
        The run.
    """

    def __init__(self, run: RunStatus) -> None:
        self._run = run

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registration does not collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of all zones and of the process."""
        health = self._run.health()
        yield from _health_metrics(health.items())
        yield from _tracker_metrics(self._run.trackers.values())
        if health:
            yield from self._process_metrics(next(iter(health.values())))

    def _process_metrics(self, health: Health) -> Iterator[Metric]:
        broker, engine = self._run.broker, self._run.engine
        versions = {"python": platform.python_version(), **health.versions}
        versions["version"] = versions.pop("streamer", "")
        yield InfoMetricFamily("streamer_build", "Versions of program and weights.", versions)
        yield _gauge("broker_connected", "1 if the broker is connected.", bool(broker.connected))
        yield _counter("reconnects", _help_text("reconnects", health), broker.reconnects)
        yield _gauge(
            "engine_trouble",
            "1 if the configured engine is replaced by a fallback.",
            bool(engine.last_error),
        )
        yield _gauge("stuck", "1 if a zone has audio but no estimates.", bool(self._run.stall))
        if (threads := _thread_count()) is not None:
            yield _gauge("process_threads", "Number of threads of the process.", threads)
        if remote := health.remote:
            help_text = "Requests to the inference server, by outcome."
            requests = CounterMetricFamily(
                "streamer_remote_questions", help_text, labels=["outcome"]
            )
            for outcome in ("answered", "late", "failed", "local"):
                requests.add_metric([outcome], getattr(remote, outcome))
            yield requests
            if latency := remote.latency_ms:
                help_text = "Response time of the inference server, last requests."
                seconds = GaugeMetricFamily(
                    "streamer_remote_latency_seconds", help_text, labels=["quantile"]
                )
                for name, quantile in _QUANTILES.items():
                    seconds.add_metric([quantile], getattr(latency, name) * 1e-3)
                yield seconds
        if recording := health.recording:
            yield _gauge("recording", "1 if estimates are recorded.", not recording.trouble)
            for name in ("recorded", "dropped"):
                help_text = type(recording).model_fields[name].description or ""
                yield _counter(f"recording_{name}", help_text, getattr(recording, name))


class _Sample(NamedTuple):
    """One value of a zone, before it is added to its metric family."""

    name: str
    help: str
    is_counter: bool
    labels: dict[str, str]
    value: float


def _health_metrics(zones: Iterable[tuple[str, Health]]) -> Iterator[Metric]:
    """Yield the metrics of the health messages."""
    families: dict[str, Metric] = {}
    states = GaugeMetricFamily("streamer_zone_state", "1 for the current state, 0 for the others.")
    families[states.name] = states
    for zone, health in zones:
        for state in STATES:
            states.add_sample(
                states.name, {"zone": zone, "state": state}, float(state == health.state)
            )
        for name in type(health).model_fields:
            if name in _PROCESS_FIELDS | _SKIPPED_FIELDS:
                continue
            for sample in _samples(name, _help_text(name, health), getattr(health, name)):
                kind = CounterMetricFamily if sample.is_counter else GaugeMetricFamily
                family = families.setdefault(sample.name, kind(sample.name, sample.help))
                suffix = "_total" if sample.is_counter else ""
                family.add_sample(
                    sample.name + suffix, {"zone": zone, **sample.labels}, sample.value
                )
    yield from families.values()


def _samples(name: str, help_text: str, value: object) -> Iterator[_Sample]:
    """Yield the samples of one field of a health message; none for text and None."""
    if isinstance(value, Message):
        label, base = _LABELS.get(name, "kind"), _NAMES.get(name, name)
        help_text = help_text or (type(value).__doc__ or "").partition("\n")[0]
        for key in type(value).model_fields:
            part = getattr(value, key)
            if isinstance(part, int | float):
                stem, unit, factor = _unit(key)
                full = f"{base}_{unit}" if unit else base
                labels = {label: _QUANTILES.get(stem, stem)}
                yield _sample(full, help_text, part, labels, factor)
    elif isinstance(value, int | float):
        yield _sample(name, help_text, value, {}, 1.0)


def _sample(
    name: str, help_text: str, value: float, labels: dict[str, str], factor: float
) -> _Sample:
    stem, unit, scale = _unit(name)
    full = f"streamer_{stem}_{unit}" if unit else f"streamer_{stem}"
    is_counter = isinstance(value, int) and not isinstance(value, bool)
    return _Sample(full, help_text, is_counter, labels, value * scale * factor)


def _unit(name: str) -> tuple[str, str, float]:
    """Split a name into stem, base unit (empty if none) and the factor to that unit."""
    stem, _, suffix = name.rpartition("_")
    unit, factor = _UNITS.get(suffix, ("", 1.0))
    return (stem, unit, factor) if stem and unit else (name, "", 1.0)


def _tracker_metrics(trackers: Iterable[ZoneTracker]) -> Iterator[Metric]:
    """Yield the current state of each zone that is in no health message."""
    families: dict[str, Metric] = {}
    now = time.monotonic()
    for tracker in trackers:
        for name, help_text, value in _gauges(tracker, now):
            full = f"streamer_{name}"
            family = families.setdefault(full, GaugeMetricFamily(full, help_text))
            family.add_sample(full, {"zone": tracker.id}, float(value))
        info = InfoMetricFamily("streamer_zone", "Kind of a zone's input.")
        families.setdefault("streamer_zone", info).add_sample(
            "streamer_zone_info", {"zone": tracker.id, "input": _input_kind(tracker)}, 1.0
        )
    yield from families.values()


def _gauges(tracker: ZoneTracker, now: float) -> Iterator[tuple[str, str, float]]:
    status, target_rate = tracker.status, tracker.rate_controller.target_rate
    yield "wanted_rate_hertz", "Configured estimates per second.", target_rate
    yield "sound_age_seconds", "Time since audio last arrived.", status.seconds_since_audio
    failed = bool(status.engine_error)
    yield "zone_engine_trouble", "1 if inference failed for the last window.", failed
    update = status.last_update
    if update is None:
        return
    yield "last_estimate_age_seconds", "Age of the last estimate's audio.", now - update.captured
    yield "valence", "Valence: unpleasant (-1) to pleasant (1).", update.smooth.valence
    yield "arousal", "Arousal: calm (-1) to excited (1).", update.smooth.arousal
    yield "valence_deviation", "Standard deviation of valence.", update.smooth.valence_std
    yield "arousal_deviation", "Standard deviation of arousal.", update.smooth.arousal_std
    yield "level_dbfs", "Audio level in dB relative to full scale.", update.level
    yield "silence", "1 if the zone is silent.", update.silence
    yield "warm_ratio", "Part of the window that holds audio since the last gap.", update.warm


def _input_kind(tracker: ZoneTracker) -> str:
    if is_url(tracker.input):
        return "stream"
    return {"mic": "microphone", "demo": "demo", "-": "pipe"}.get(tracker.input, "file")


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"streamer_{name}", help_text, float(value))


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(f"streamer_{name}", help_text, float(value))


def _help_text(field: str, health: Health) -> str:
    return _HELP.get(field) or type(health).model_fields[field].description or field


def _thread_count() -> int | None:
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return None
