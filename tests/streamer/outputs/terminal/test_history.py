"""History of the last minute: points, rate, latency."""

import pytest

from streamer.outputs.terminal.history import History, region
from streamer.tracking.update import Affect, Update

HERE = Affect(0.4, 0.3, 0.1, 0.1)


def update(tick: int) -> Update:
    return Update(tick, tick / 10, 0.0, HERE, HERE, silence=False, warm=1.0, level=-20.0)


def history(until: float, rate: float = 10.0, latency=lambda tick: 48.0) -> History:
    result = History()
    for tick in range(round(until * rate)):
        result.add(update(tick), latency(tick), tick / rate)
    return result


def test_the_points_of_one_minute_are_kept():
    points = history(100.0).points()
    assert points[-1].seen - points[0].seen == pytest.approx(60.0, abs=0.2)


@pytest.mark.parametrize("rate", [2.0, 5.0, 10.0, 20.0])
def test_the_rate_is_measured(rate):
    assert history(20.0, rate).rate(20.0) == pytest.approx(rate, rel=0.02)


def test_the_rate_falls_to_zero_when_updates_stop():
    stopped = history(20.0)
    assert stopped.rate(20.5) == pytest.approx(10.0, rel=0.02)
    assert stopped.rate(23.0) < 9
    assert stopped.rate(26.0) == 0


def test_the_rate_is_zero_before_two_updates():
    assert History().rate(0.0) == 0
    assert history(0.1).rate(0.0) == 0


def test_latency_is_the_median_of_the_last_10_s():
    recent = history(30.0, latency=lambda tick: 500.0 if tick < 150 or tick % 10 == 0 else 40.0)
    assert recent.latency(30.0) == 40.0
    assert recent.latency(50.0) is None


@pytest.mark.parametrize(
    ("valence", "arousal", "word"),
    [
        (0.5, 0.5, "excited"),
        (-0.5, 0.5, "tense"),
        (-0.5, -0.5, "sad"),
        (0.5, -0.5, "calm"),
        (0.05, -0.05, "neutral"),
    ],
)
def test_each_quadrant_has_its_word(valence, arousal, word):
    assert region(Affect(valence, arousal, 0.1, 0.1)) == word
