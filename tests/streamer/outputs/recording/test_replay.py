import asyncio
import contextlib
import itertools
import time
from dataclasses import replace

import numpy as np
import pytest

from streamer.errors import UsageError
from streamer.outputs.recording import read_recording
from streamer.outputs.recording.paced_replay import replay


@pytest.fixture
def recording(record, trajectory):
    return read_recording(record(trajectory(40, step=0.03)))


async def offered(recording, *, until=None, **options):
    """What a replay offers, and when after its beginning."""
    seen = []
    begun = time.monotonic()

    def offer(zone, update):
        seen.append((time.monotonic() - begun, zone, update))

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(until):
            await replay(recording, offer, **options)
    return seen


async def test_every_estimate_comes_as_it_was(recording):
    seen = await offered(recording, speed=100)
    assert {zone for _, zone, _ in seen} == {"main"}
    plain = [replace(update, captured=0) for *_, update in seen]
    assert plain == [replace(update, captured=0) for update in recording.updates()]


async def test_each_comes_when_it_is_due_and_is_as_old_as_it_is_late(recording):
    begun = time.monotonic()
    seen = await offered(recording)
    late = np.array([at for at, *_ in seen]) - recording.elapsed
    assert np.percentile(late, 90) < 0.02
    assert late.min() >= -0.001
    due = np.array([update.captured for *_, update in seen]) - begun
    assert due == pytest.approx(recording.elapsed, abs=0.02)


async def test_lateness_does_not_add_up(recording):
    seen = []

    def slow(zone, update):
        seen.append(time.monotonic())
        time.sleep(0.02)

    await replay(recording, slow)
    assert seen[-1] - seen[0] == pytest.approx(recording.duration, abs=0.03)


async def test_it_may_be_faster(recording):
    seen = await offered(recording, speed=4)
    assert seen[-1][0] == pytest.approx(recording.duration / 4, abs=0.05)


async def test_it_may_begin_later(recording):
    seen = await offered(recording, start=0.6, speed=4)
    [first, *_] = seen
    assert first[0] < 0.05
    assert first[2].time - next(recording.updates()).time == pytest.approx(0.6, abs=0.04)
    assert len(seen) == int((recording.elapsed >= 0.6).sum())


async def test_it_begins_again_from_the_beginning_one_step_after_its_end(recording):
    seen = await offered(recording, start=0.9, speed=10, loop=True, until=0.4)
    assert len(seen) > 60
    ticks = [update.tick for *_, update in seen]
    assert set(np.diff(ticks)) == {1, -39}
    due = [update.captured for *_, update in seen]
    steps = [b - a for a, b in itertools.pairwise(due)]
    assert max(steps) < 0.006


async def test_a_single_estimate_repeats_at_a_pace(record, trajectory):
    recording = read_recording(record(trajectory(1)))
    assert len(await offered(recording, loop=True, until=0.2, speed=10)) <= 3


async def test_a_beginning_after_the_end_is_refused(recording):
    with pytest.raises(UsageError, match=r"ends after 1\.2 s.*after 3 s"):
        await offered(recording, start=3)
