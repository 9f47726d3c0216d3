"""Pending messages: the newest estimate and state of a zone, drops, latency."""

import pytest

from streamer.mqtt.pending import PendingMessages


class Clock:
    """Monotonic clock, set by the test."""

    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now


def test_only_the_newest_estimate_is_kept_and_older_ones_count_as_dropped(update):
    pending = PendingMessages()
    for tick in range(5):
        pending.put_update(update(tick), keep_estimate=True)
    seq, newest = pending.pop_estimate()
    assert (seq, newest.tick) == (4, 4)
    assert pending.pop_estimate() is None
    assert pending.counters.offered == 5
    assert pending.counters.dropped == 4


def test_without_a_broker_estimates_are_dropped_and_the_state_is_kept(update):
    pending = PendingMessages()
    pending.put_update(update(1), keep_estimate=False)
    pending.put_update(update(2), keep_estimate=False)
    assert pending.pop_estimate() is None
    assert pending.counters.dropped == 2
    assert pending.pop_state()[0].tick == 2


def test_a_state_is_due_once_a_second_and_a_republished_one_at_once(update):
    clock = Clock(100.0)
    pending = PendingMessages(clock=clock)
    assert pending.seconds_until_state() is None
    first, second = update(1, captured=99.9), update(2, captured=100.1)
    pending.put_update(first, keep_estimate=True)
    assert pending.seconds_until_state() == 0
    assert pending.pop_state() == (first, None)
    assert pending.seconds_until_state() is None
    clock.now = 100.25
    pending.put_update(second, keep_estimate=True, title="So What")
    assert pending.seconds_until_state() == pytest.approx(0.75)
    clock.now = 101.0
    assert pending.seconds_until_state() == 0
    pending.pop_state()
    pending.republish_state()
    assert pending.seconds_until_state() == 0
    assert pending.pop_state() == (second, "So What")


def test_a_stale_state_is_not_republished(update):
    clock = Clock(100.1)
    pending = PendingMessages(clock=clock)
    pending.put_update(update(1, captured=100.1), keep_estimate=True)
    pending.pop_state()
    clock.now = 103.0
    pending.republish_state()
    assert pending.seconds_until_state() is None


def test_no_state_is_republished_before_the_first():
    pending = PendingMessages()
    pending.republish_state()
    assert pending.seconds_until_state() is None


def test_percentiles_are_by_nearest_rank_over_the_last_600_estimates():
    pending = PendingMessages()
    assert pending.latency_percentiles() is None
    for k in range(1, 1201):
        pending.count_estimate(k / 1000)
    percentiles = pending.latency_percentiles()
    assert (percentiles.p50, percentiles.p99, percentiles.max) == (900.0, 1194.0, 1200.0)
