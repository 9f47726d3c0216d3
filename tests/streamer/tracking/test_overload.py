"""A machine that is too slow: fewer estimates, never a late clock."""

import asyncio
import time

import pytest

from streamer.config import Tracking, Zone
from streamer.tracking.batching import BatchingInference
from streamer.tracking.zone import ZoneTracker


class Slowed:
    """An engine with additional seconds per batch."""

    def __init__(self, engine):
        self._engine, self.seconds = engine, 0.0
        self.name, self.model, self.last_error = engine.name, engine.model, ""
        self.front_end, self.smoothing = engine.front_end, engine.smoothing

    def infer(self, mel, cochleagram):
        time.sleep(self.seconds)
        return self._engine.infer(mel, cochleagram)


class Updates:
    """Updates of a zone, with their arrival times."""

    def __init__(self):
        self.updates = []

    def __call__(self, zone, update):
        self.updates.append((time.monotonic(), update))

    def since(self, moment):
        return [(at, update) for at, update in self.updates if at >= moment]


@pytest.fixture
async def slowed_zone(engine):
    """The demo at 20 Hz in real time, with an engine that can be slowed."""
    slowed, updates = Slowed(engine), Updates()
    with BatchingInference(slowed) as inference:
        tracker = ZoneTracker(Zone(input="demo"), Tracking(rate=20), inference, updates)
        await tracker.open()
        task = asyncio.create_task(tracker.run())
        await asyncio.sleep(2.0)
        yield slowed, updates, tracker
        task.cancel()
        await asyncio.wait([task])
        await tracker.close()


@pytest.mark.parametrize("times", [20, 200])
@pytest.mark.long
async def test_a_slowed_engine_costs_estimates_and_no_time(slowed_zone, times):
    slowed, updates, tracker = slowed_zone
    slowed.seconds, begun = times * 0.002, time.monotonic()
    await asyncio.sleep(5.0)
    late = updates.since(begun + 1.0)
    answer = max(at - update.captured for at, update in late)
    rate = tracker.rate_controller.rate
    slowed.seconds, over = 0.0, time.monotonic() + answer + 1 / rate
    await asyncio.sleep(over - time.monotonic() + 2.0)

    assert answer < 2.0, "what is late is bounded"
    if times == 200:
        assert rate < 3.0
        assert tracker.status.dropped >= 1
        assert len(late) < 4 * 20
    again = [at for at, _ in updates.since(over)]
    assert len(again) > 30, "at once as often as before"
    assert tracker.rate_controller.rate == 20.0
    assert tracker.status.gaps == 0
    updates = [update for _, update in updates.updates]
    first = updates[0]
    for update in updates:  # the clock of the sound, from the first estimate to the last
        assert update.captured - first.captured == pytest.approx(update.time - first.time, abs=2e-6)
    ticks = [update.tick for update in updates]
    assert ticks == sorted(ticks)
