import pytest

from streamer.helpers import Backoff
from streamer.mqtt.pending import LatencyWindow, PendingMessages


def test_only_the_newest_estimate_waits_and_the_others_count_as_dropped(update):
    box = PendingMessages()
    for tick in range(5):
        box.put(update(tick), keep=True)
    seq, newest = box.pop_estimate()
    assert (seq, newest.tick) == (4, 4)
    assert box.pop_estimate() is None
    assert box.counters.offered == 5
    assert box.counters.dropped == 4


def test_without_a_broker_estimates_are_dropped_and_the_state_is_kept(update):
    box = PendingMessages()
    box.put(update(1), keep=False)
    box.put(update(2), keep=False)
    assert box.pop_estimate() is None
    assert box.counters.dropped == 2
    assert box.pop_state()[0].tick == 2


def test_a_state_waits_for_its_second_and_is_repeated_at_once(update, monkeypatch):
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    box = PendingMessages()
    assert box.seconds_until_state() is None
    first, second = update(1, captured=99.9), update(2, captured=100.1)
    box.put(first, keep=True)
    assert box.seconds_until_state() == 0
    assert box.pop_state() == (first, None)
    assert box.seconds_until_state() is None
    now = 100.25
    box.put(second, keep=True, title="So What")
    assert box.seconds_until_state() == pytest.approx(0.75)
    now = 101.0
    assert box.seconds_until_state() == 0
    box.pop_state()
    box.republish_state()
    assert box.seconds_until_state() == 0
    assert box.pop_state() == (second, "So What")
    now = 103.0  # nobody is told again what held three seconds ago
    box.republish_state()
    assert box.seconds_until_state() is None


def test_nothing_is_repeated_where_nothing_was_said():
    box = PendingMessages()
    box.republish_state()
    assert box.seconds_until_state() is None


def test_percentiles_are_by_nearest_rank_over_the_last_ones():
    window = LatencyWindow(size=100)
    assert window.percentiles() is None
    for k in range(1, 201):
        window.add(k / 1000)
    percentiles = window.percentiles()
    assert (percentiles.p50, percentiles.p99, percentiles.max) == (150.0, 199.0, 200.0)


def test_waiting_times_double_up_to_the_cap_and_begin_anew_after_healthy_time():
    backoff = Backoff(initial=0.1, maximum=2.0, reset_after=5.0)
    for expected in (0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0):
        assert 0.5 * expected <= backoff.next_delay() <= expected
    assert backoff.next_delay(uptime=4.9) >= 1.0
    assert backoff.next_delay(uptime=5.1) <= 0.1
