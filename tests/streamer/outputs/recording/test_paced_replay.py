"""Timing of a replay, on a fake clock."""

import asyncio
import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from streamer.errors import UsageError
from streamer.outputs.recording import paced_replay, read_recording
from streamer.outputs.recording.paced_replay import replay


class FakeClock:
    """Monotonic clock that advances only by sleeping."""

    def __init__(self):
        self.now = 1000.0

    async def sleep(self, seconds):
        self.now += max(seconds, 0.0)
        await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(paced_replay, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(paced_replay, "asyncio", SimpleNamespace(sleep=clock.sleep))
    return clock


@pytest.fixture
def recording(record, trajectory):
    return read_recording(record(trajectory(40, step=0.03)))


async def offered(recording, clock, *, seconds=None, delay=0.0, **options):
    """Return the updates that a replay offers and their times; each offer takes `delay` s."""
    offers = []
    start = clock.now

    def offer(zone, update):
        offers.append((clock.now - start, zone, update))
        clock.now += delay
        if seconds is not None and clock.now - start > seconds:
            task.cancel()

    task = asyncio.create_task(replay(recording, offer, **options))
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
    return offers


async def test_every_estimate_is_offered_unchanged(recording, clock):
    offers = await offered(recording, clock, speed=100)
    assert {zone for _, zone, _ in offers} == {"main"}
    plain = [replace(update, captured=0) for *_, update in offers]
    assert plain == [replace(update, captured=0) for update in recording.updates()]


async def test_each_is_offered_when_due_with_its_due_time_as_capture_time(recording, clock):
    start = clock.now
    offers = await offered(recording, clock)
    assert [at for at, *_ in offers] == pytest.approx(recording.elapsed)
    captured = np.array([update.captured for *_, update in offers])
    assert captured - start == pytest.approx(recording.elapsed)


async def test_delays_do_not_accumulate(recording, clock):
    offers = await offered(recording, clock, delay=0.02)
    assert [at for at, *_ in offers] == pytest.approx(recording.elapsed)


async def test_a_late_estimate_keeps_its_due_time(recording, clock):
    offers = await offered(recording, clock, delay=0.04)
    late = np.array([at for at, *_ in offers]) - recording.elapsed
    assert late[-1] > 0.3
    captured = np.array([update.captured for *_, update in offers])
    assert captured - 1000.0 == pytest.approx(recording.elapsed)


async def test_the_speed_can_be_changed(recording, clock):
    offers = await offered(recording, clock, speed=4)
    assert offers[-1][0] == pytest.approx(recording.duration / 4)


async def test_the_start_can_be_skipped(recording, clock):
    offers = await offered(recording, clock, start=0.6, speed=4)
    [first, *_] = offers
    assert first[0] < 0.01
    assert first[2].time - next(recording.updates()).time == pytest.approx(0.6, abs=0.04)
    assert len(offers) == int((recording.elapsed >= 0.6).sum())


async def test_a_loop_restarts_from_the_beginning_one_step_after_the_end(recording, clock):
    offers = await offered(recording, clock, start=0.9, speed=10, loop=True, seconds=0.4)
    assert len(offers) > 60
    ticks = [update.tick for *_, update in offers]
    assert set(np.diff(ticks)) == {1, -39}
    due = [update.captured for *_, update in offers]
    steps = [b - a for a, b in itertools.pairwise(due)]
    assert max(steps) < 0.006


async def test_a_single_estimate_loops_at_a_pace(record, trajectory, clock):
    recording = read_recording(record(trajectory(1)))
    offers = await offered(recording, clock, loop=True, seconds=0.2, speed=10)
    assert len(offers) <= 4


async def test_a_start_after_the_end_is_rejected(recording, clock):
    with pytest.raises(UsageError, match=r"from 3 s: it ends after 1\.2 s"):
        await offered(recording, clock, start=3)
