"""Health of zones: state, reason, counters, snapshot cache."""

import time
from types import SimpleNamespace

import pytest

from streamer.app.health import RECENT_DROPS, HealthMonitor
from streamer.mqtt import Counters
from streamer.tracking import Affect, Update
from streamer.tracking.rate_control import RateController
from streamer.tracking.zone_status import InputLosses, ZoneStatus

SLOW = RateController(10.0)
SLOW.record(0.15)
SLOW.record(0.15)
HERE = Affect(0.1, 0.2, 0.3, 0.3)


class FakePublisher:
    reconnects = 2

    def counters(self, zone):
        return Counters(offered=9, sent=7, dropped=2)

    def latency(self, zone):
        return None


class Clock:
    """Monotonic clock, set by the test."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def tracker(**changes):
    last = Update(20, 2.0, 100.0, HERE, HERE, silence=False, warm=1.0, level=-20.0)
    values = {
        "id": "main",
        "source": SimpleNamespace(name="song.wav", current=None),
        "window_stream": SimpleNamespace(resampler_delay=0.025),
        "trajectory": SimpleNamespace(delay=1.5),
        "gain": SimpleNamespace(gain_db=3.0),
        "rate_controller": RateController(10.0),
    }
    status = ZoneStatus(
        estimates=11,
        gaps=1,
        input_losses=InputLosses(0, 5, 6),
        last_update=last,
        last_audio=time.monotonic() - changes.pop("seconds_since_audio", 0.02),
    )
    for name in changes.keys() - values.keys():
        setattr(status, name, changes.pop(name))
    return SimpleNamespace(status=status, **{**values, **changes})


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def report(engine, clock):
    """Return the health of a zone after changing its tracker."""
    trackers = {"main": tracker()}
    monitor = HealthMonitor(engine, trackers, FakePublisher(), clock=clock)

    def report(**changes):
        trackers["main"] = tracker(**changes)
        return monitor.refresh()["main"]

    return report


def update(**changes):
    values = {"silence": False, "warm": 1.0}
    return Update(20, 2.0, 100.0, HERE, HERE, level=-70.0, **{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "state", "word"),
    [
        ({}, "ok", ""),
        ({"last_update": None}, "warming", "first second of audio"),
        ({"last_update": update(warm=0.4)}, "warming", "window"),
        ({"last_update": update(silence=True)}, "silent", "-60 dBFS"),
        ({"dropped": 3}, "degraded", "3 windows dropped recently"),
        ({"input_losses": InputLosses(2, 5, 6)}, "degraded", "2 recent overruns"),
        ({"engine_error": "CUDA: out of memory"}, "degraded", "no estimates: CUDA"),
        ({"seconds_since_audio": 7.1}, "degraded", "no audio for 7 s"),
        ({"rate_controller": SLOW}, "degraded", "5 of 10 estimates a second"),
        ({"last_error": "the engine stumbled"}, "restarting", "the engine stumbled"),
        ({"ended": True}, "stopped", "the audio has ended"),
        ({"ended": True, "last_error": "damaged"}, "stopped", "damaged"),
    ],
)
def test_state_and_reason_of_a_zone(report, changes, state, word):
    health = report(**changes)
    assert health.state == state
    assert word in health.reason


def test_a_fallback_engine_degrades_a_zone(engine):
    own = {name: getattr(engine, name) for name in ("name", "model", "front_end", "smoothing")}
    other = SimpleNamespace(**own, last_error="not on TensorRT: no NVIDIA GPU")
    health = HealthMonitor(other, {"main": tracker()}, FakePublisher()).refresh()["main"]
    assert (health.state, health.reason) == ("degraded", "not on TensorRT: no NVIDIA GPU")
    assert health.engine == engine.name


def test_only_recent_drops_degrade_a_zone_however_often_health_is_read(report, clock):
    assert report(dropped=3).state == "degraded"
    clock.now += 1.0
    assert report(dropped=3).state == "degraded"
    clock.now += RECENT_DROPS
    assert report(dropped=3).state == "ok"
    assert report(dropped=3).drops.inference == 3


def test_a_snapshot_is_shared_for_a_second_and_refreshed_on_request(engine, clock):
    trackers = {"main": tracker()}
    monitor = HealthMonitor(engine, trackers, FakePublisher(), clock=clock)
    first = monitor.snapshot()
    trackers["main"] = tracker(dropped=3)
    assert monitor.snapshot() is first
    assert monitor.refresh()["main"].state == "degraded"
    assert monitor.snapshot()["main"].state == "degraded"
    trackers["main"] = tracker(ended=True)
    clock.now += 1.0
    assert monitor.snapshot()["main"].state == "stopped"


def test_counters_and_delays_are_those_of_the_zone(report, engine):
    health = report(input_losses=InputLosses(4, 5, 6))
    assert (health.estimates, health.gaps, health.reconnects) == (11, 1, 2)
    assert (health.drops.capture, health.drops.publish) == (4, 2)
    assert (health.cleaned.nan, health.cleaned.clipped) == (5, 6)
    assert health.rate_hz == 10.0
    assert health.delays.resampler_ms == 25
    assert health.delays.smoother_ms == 1500
    assert (health.source, health.engine) == ("song.wav", engine.name)
    assert health.versions["front_end"] == engine.front_end.digest
