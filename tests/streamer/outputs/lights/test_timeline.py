"""Keep past estimates for outputs with a delay."""

from hypothesis import given
from hypothesis import strategies as st

from streamer.outputs.lights.color import ColorStop, Gradient
from streamer.outputs.lights.timeline import TimedAffect, Timeline
from streamer.tracking import Affect

AFFECT = Affect(0.0, 0.0, 0.1, 0.1)


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 30))
def test_any_time_within_the_span_returns_the_newest_estimate_of_that_time(times, age):
    timeline = Timeline(30.0)
    times = sorted(times)
    for time in times:
        timeline.add(TimedAffect(time, AFFECT, silence=False))
    then = times[-1] - age
    estimate = timeline.at(then)
    before = [time for time in times if time <= then]
    assert (estimate.time if estimate else None) == (before[-1] if before else None)


def test_expired_estimates_are_dropped_except_the_newest():
    timeline = Timeline(30.0)
    for time in range(1000):
        timeline.add(TimedAffect(float(time), AFFECT, silence=False))
    assert timeline.at(968.5) is None
    assert timeline.at(969.0).time == 969.0


def test_a_colour_is_computed_once_per_gradient(monkeypatch):
    gradient = Gradient([ColorStop.from_css(0, 0, "red")])
    estimate = TimedAffect(0.0, AFFECT, silence=False)
    first = estimate.color(gradient)
    monkeypatch.setattr(gradient, "at", None)
    assert estimate.color(gradient) is first
