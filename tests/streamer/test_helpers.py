import time

import pytest

from streamer.helpers import Backoff, EpochClock


def test_delays_double_up_to_the_cap_and_reset_after_healthy_time():
    backoff = Backoff(initial=0.1, maximum=2.0, reset_after=5.0)
    for expected in (0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0):
        assert 0.5 * expected <= backoff.next_delay() <= expected
    assert backoff.next_delay(uptime=4.9) >= 1.0
    assert backoff.next_delay(uptime=5.1) <= 0.1


@pytest.mark.parametrize(
    ("shift", "logged"), [(3600, "+3600.0 s"), (-3600, "-3600.0 s"), (0.2, "")]
)
def test_a_jump_of_the_system_clock_is_logged_once(monkeypatch, caplog, shift, logged):
    offset, system_time = 0.0, time.time
    monkeypatch.setattr("streamer.helpers.time.time", lambda: system_time() + offset)
    epoch = EpochClock()
    before = epoch.offset()
    offset = shift
    assert epoch.offset() - before == pytest.approx(shift, abs=0.05)
    epoch.offset()
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == bool(logged)
    assert all(f"the system clock changed by {logged}" in line for line in messages)
