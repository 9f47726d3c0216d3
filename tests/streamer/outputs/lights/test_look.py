"""What is remembered for outputs that follow later."""

from hypothesis import given
from hypothesis import strategies as st

from streamer.outputs.lights.color import ColorStop, Gradient
from streamer.outputs.lights.timeline import TimedAffect, Timeline
from streamer.tracking import Affect

HERE = Affect(0.0, 0.0, 0.1, 0.1)


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 30))
def test_any_time_within_the_span_is_answered_by_what_had_come_then(times, back):
    timeline = Timeline(30.0)
    times = sorted(times)
    for time in times:
        timeline.add(TimedAffect(time, HERE, silence=False))
    then = times[-1] - back
    found = timeline.at(then)
    before = [time for time in times if time <= then]
    assert (found.time if found else None) == (before[-1] if before else None)


def test_what_is_older_is_forgotten_but_for_the_newest():
    timeline = Timeline(30.0)
    for time in range(1000):
        timeline.add(TimedAffect(float(time), HERE, silence=False))
    assert timeline.at(968.5) is None
    assert timeline.at(969.0).time == 969.0


def test_a_colour_is_worked_out_once(monkeypatch):
    gradient = Gradient([ColorStop.from_css(0, 0, "red")])
    look = TimedAffect(0.0, HERE, silence=False)
    first = look.color(gradient)
    monkeypatch.setattr(gradient, "at", None)
    assert look.color(gradient) is first
