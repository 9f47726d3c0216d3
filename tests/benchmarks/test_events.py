"""How an event is told from silence, and a true `ts` from a false one."""

import pytest

from benchmarks.latency.events import judge
from tests.support.streamer_process import StreamerProcess

SILENCE, SOUND = {"valence": 0.1, "arousal": -0.2}, {"valence": 0.3, "arousal": 0.2}


def heard(*raws, late=0.013, network=0.001, ts_error=0.0):
    """A program that says these raw estimates, every 100 ms from second 100 on."""
    program = StreamerProcess()
    for k, raw in enumerate(raws):
        end = 100 + k / 10
        payload = {"ts": 1e3 * (end + ts_error), "raw": raw, "latency_ms": 1e3 * late}
        program.estimates.append((end + late + network, payload))
    return program


def test_the_first_message_that_differs_has_heard_it():
    found = judge(heard(*[SILENCE] * 5, *[SOUND] * 5), [100.45])
    assert (found["events"], found["missed"]) == (1, 0)
    assert found["event_to_message_ms"]["p50"] == pytest.approx(64)
    assert found["network_ms"]["p50"] == pytest.approx(1)
    assert found["ts_error_ms"] == 0


def test_a_message_that_was_on_its_way_has_not():
    found = judge(heard(*[SILENCE] * 5, *[SOUND] * 5), [100.405])
    assert found["event_to_message_ms"]["p50"] == pytest.approx(109)


def test_a_ts_that_is_late_by_half_a_second_is_found():
    found = judge(heard(*[SILENCE] * 5, *[SOUND] * 5, ts_error=0.5), [100.45])
    assert found["ts_error_ms"] == pytest.approx(450)


def test_an_event_that_nobody_heard_is_missed():
    found = judge(heard(*[SILENCE] * 4, *[SOUND] * 4, *[SILENCE] * 20), [100.35, 101.0])
    assert (found["events"], found["missed"]) == (1, 1)
