from types import SimpleNamespace

import pytest

from streamer.app.health import RECENT_DROPS, HealthMonitor
from streamer.mqtt import Counters
from streamer.tracking import Affect, Update
from streamer.tracking.rate_control import Pace
from streamer.tracking.zone import Losses

SLOW = Pace(10.0)
SLOW.answered(0.15)
SLOW.answered(0.15)
HERE = Affect(0.1, 0.2, 0.3, 0.3)


class FakePublisher:
    reconnects = 2

    def counters(self, zone):
        return Counters(offered=9, sent=7, dropped=2)

    def latency(self, zone):
        return None


class Clock:
    """Monotonic time that a test sets."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def tracker(**changes):
    last = Update(20, 2.0, 100.0, HERE, HERE, silence=False, warm=1.0, level=-20.0)
    values = {
        "id": "main",
        "source_name": "song.wav",
        "source": None,
        "listener": SimpleNamespace(resampler_delay=0.025),
        "losses": Losses(0, 5, 6),
        "gaps": 1,
        "restarts": 0,
        "trajectory": SimpleNamespace(delay=1.5),
        "gain": SimpleNamespace(decibels=3.0),
        "estimates": 11,
        "dropped": 0,
        "trouble": "",
        "engine_trouble": "",
        "pace": Pace(10.0),
        "waiting": 0.02,
        "ended": False,
        "last": last,
    }
    return SimpleNamespace(**{**values, **changes})


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def report(engine, clock):
    """Return the health of a zone whose tracker is changed like this."""
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
        ({"last": None}, "warming", "first second of audio"),
        ({"last": update(warm=0.4)}, "warming", "window"),
        ({"last": update(silence=True)}, "silent", "-60 dBFS"),
        ({"dropped": 3}, "degraded", "3 windows dropped recently"),
        ({"losses": Losses(2, 5, 6)}, "degraded", "2 recent overruns"),
        ({"engine_trouble": "CUDA: out of memory"}, "degraded", "no estimates: CUDA"),
        ({"waiting": 7.1}, "degraded", "no audio for 7 s"),
        ({"pace": SLOW}, "degraded", "5 of 10 estimates a second"),
        ({"trouble": "the engine stumbled"}, "restarting", "the engine stumbled"),
        ({"ended": True}, "stopped", "the audio has ended"),
        ({"ended": True, "trouble": "damaged"}, "stopped", "damaged"),
    ],
)
def test_the_state_says_how_the_zone_fares(report, changes, state, word):
    health = report(**changes)
    assert health.state == state
    assert word in health.reason


def test_an_engine_in_the_place_of_another_is_told(engine):
    own = {name: getattr(engine, name) for name in ("name", "model", "front_end", "smoothing")}
    other = SimpleNamespace(**own, last_error="not on TensorRT: no NVIDIA GPU")
    health = HealthMonitor(other, {"main": tracker()}, FakePublisher()).refresh()["main"]
    assert (health.state, health.reason) == ("degraded", "not on TensorRT: no NVIDIA GPU")
    assert health.engine == engine.name


def test_only_recent_drops_degrade_a_zone_whoever_reads_in_between(report, clock):
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


def test_the_figures_are_those_of_the_zone(report, engine):
    health = report(losses=Losses(4, 5, 6))
    assert (health.estimates, health.gaps, health.reconnects) == (11, 1, 2)
    assert (health.drops.capture, health.drops.publish) == (4, 2)
    assert (health.cleaned.nan, health.cleaned.clipped) == (5, 6)
    assert health.rate_hz == 10.0
    assert health.delays.resampler_ms == 25
    assert health.delays.smoother_ms == 1500
    assert (health.source, health.engine) == ("song.wav", engine.name)
    assert health.versions["front_end"] == engine.front_end.digest
