"""Events are matched to messages, and errors of `ts` are found."""

import pytest

from benchmarks.latency.events import match_events
from tests.support.streamer_process import StreamerProcess

SILENCE, SOUND = {"valence": 0.1, "arousal": -0.2}, {"valence": 0.3, "arousal": 0.2}


def program_with(*raws, late=0.013, network=0.001, ts_error=0.0):
    """Return a process with these raw estimates, every 100 ms from second 100."""
    program = StreamerProcess()
    for k, raw in enumerate(raws):
        end = 100 + k / 10
        payload = {"ts": 1e3 * (end + ts_error), "raw": raw, "latency_ms": 1e3 * late}
        program.estimates.append((end + late + network, payload))
    return program


def test_the_first_message_that_differs_shows_the_event():
    found = match_events(program_with(*[SILENCE] * 5, *[SOUND] * 5), [100.45])
    assert (found["events"], found["missed"]) == (1, 0)
    assert found["event_to_message_ms"]["p50"] == pytest.approx(64)
    assert found["network_ms"]["p50"] == pytest.approx(1)
    assert found["ts_error_ms"] == 0


def test_a_message_already_in_flight_does_not_show_it():
    found = match_events(program_with(*[SILENCE] * 5, *[SOUND] * 5), [100.405])
    assert found["event_to_message_ms"]["p50"] == pytest.approx(109)


def test_a_ts_error_of_half_a_second_is_found():
    found = match_events(program_with(*[SILENCE] * 5, *[SOUND] * 5, ts_error=0.5), [100.45])
    assert found["ts_error_ms"] == pytest.approx(450)


def test_an_event_without_a_message_is_missed():
    found = match_events(
        program_with(*[SILENCE] * 4, *[SOUND] * 4, *[SILENCE] * 20), [100.35, 101.0]
    )
    assert (found["events"], found["missed"]) == (1, 1)
