from types import SimpleNamespace

import pytest

from streamer.app.health import HealthReporter
from streamer.mqtt import Counters
from streamer.tracking import Affect, Update
from streamer.tracking.rate_control import Pace
from streamer.tracking.zone import Losses

SLOW = Pace(10.0)
SLOW.answered(0.15)
SLOW.answered(0.15)
HERE = Affect(0.1, 0.2, 0.3, 0.3)


class FakePublisher:
    """Keeps the last health of each zone."""

    reconnects = 2

    def __init__(self):
        self.health = {}

    def offer_health(self, zone, health):
        self.health[zone] = health

    def counters(self, zone):
        return Counters(offered=9, sent=7, dropped=2)

    def latency(self, zone):
        return None


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
def report(engine):
    publisher = FakePublisher()
    reporter = HealthReporter(engine, publisher)

    def report(**changes):
        reporter.offer([tracker(**changes)])
        return publisher.health["main"]

    return report


def update(**changes):
    values = {"silence": False, "warm": 1.0}
    return Update(20, 2.0, 100.0, HERE, HERE, level=-70.0, **{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "state", "word"),
    [
        ({}, "ok", ""),
        ({"last": None}, "warming", "first second"),
        ({"last": update(warm=0.4)}, "warming", "window"),
        ({"last": update(silence=True)}, "silent", "-60 dBFS"),
        ({"dropped": 3}, "degraded", "3 windows"),
        ({"losses": Losses(2, 5, 6)}, "degraded", "sound was lost 2 times"),
        ({"engine_trouble": "CUDA: out of memory"}, "degraded", "no estimates: CUDA"),
        ({"waiting": 7.1}, "degraded", "no sound has arrived for 7 s"),
        ({"pace": SLOW}, "degraded", "5 of 10 estimates a second"),
        ({"trouble": "the engine stumbled"}, "restarting", "the engine stumbled"),
        ({"ended": True}, "stopped", "the sound has ended"),
        ({"ended": True, "trouble": "damaged"}, "stopped", "damaged"),
    ],
)
def test_the_state_says_how_the_zone_fares(report, changes, state, word):
    health = report(**changes)
    assert health.state == state
    assert word in health.reason


def test_an_engine_in_the_place_of_another_is_told(engine):
    publisher = FakePublisher()
    own = {name: getattr(engine, name) for name in ("name", "model", "front_end", "smoothing")}
    other = SimpleNamespace(**own, trouble="not on TensorRT: no NVIDIA GPU")
    HealthReporter(other, publisher).offer([tracker()])
    health = publisher.health["main"]
    assert (health.state, health.reason) == ("degraded", "not on TensorRT: no NVIDIA GPU")
    assert health.engine == engine.name


def test_drops_of_long_ago_do_not_degrade_it(report):
    assert report(dropped=3).state == "degraded"
    assert report(dropped=3).state == "ok"
    assert report(dropped=3).drops.inference == 3


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
