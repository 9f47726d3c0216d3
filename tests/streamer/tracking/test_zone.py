import asyncio
import contextlib
import logging
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from damer.views import FrontEndSpec
from streamer.audio import Block
from streamer.config import Tracking, Zone
from streamer.engines import Estimate, KalmanSettings
from streamer.errors import AudioError, EngineError
from streamer.tracking import windows, zone_source
from streamer.tracking.batching import BatchingInference
from streamer.tracking.zone import ZoneTracker


class FakeEngine:
    """Answers with a constant; may fail at some calls."""

    name, model = "fake", "fake"
    front_end = FrontEndSpec(window_frames=44)
    smoothing = KalmanSettings(drift=(0.05, 0.05), correlation=1.5, deviation_scale=(1.0, 1.0))

    def __init__(self, *, fails=(), error=RuntimeError):
        self.calls = 0
        self.threads = set()
        self._fails = fails
        self._error = error

    def infer(self, mel, cochleagram):
        self.calls += 1
        self.threads.add(threading.current_thread().name)
        if self.calls in self._fails:
            raise self._error("the engine stumbled")
        answer = np.full(len(mel), 0.25, np.float32)
        return Estimate(answer, answer, answer, answer)


class FakeSource(SimpleNamespace):
    """Two seconds of noise, faster than real time; may fail."""

    rate, name = 22050, "fake"
    overruns, non_finite, clipped = 1, 2, 3

    async def blocks(self):
        sound = np.random.default_rng(0).normal(0, 0.1, 2 * 22050).astype(np.float32)
        begun = time.monotonic()
        for start in range(0, len(sound), 441):
            yield Block(sound[start : start + 441], start, begun + start / 22050)
            await asyncio.sleep(self.pause)
            if self.breaks_at is not None and start > self.breaks_at:
                raise AudioError("the file is damaged")


@pytest.fixture
def track(monkeypatch):
    """Track two seconds of noise; return the tracker and its updates."""
    monkeypatch.setattr(zone_source.Backoff, "next_delay", lambda self, lasted: 0.0)

    async def track(engine, *, pause=0.0005, breaks_at=None):
        @contextlib.asynccontextmanager
        async def open_source(zone):
            yield FakeSource(pause=pause, breaks_at=breaks_at)

        monkeypatch.setattr(zone_source, "open_source", open_source)
        updates = []
        with BatchingInference(engine) as inference:
            tracker = ZoneTracker(
                Zone(input="song.wav"),
                Tracking(),
                inference,
                lambda zone, update: updates.append((zone, update)),
            )
            try:
                await tracker.run()
            except AudioError as error:
                updates.append(error)
        return tracker, updates

    return track


async def test_each_tick_gives_an_update_of_the_zone(track):
    engine = FakeEngine()
    tracker, updates = await track(engine, pause=0.002)
    assert [zone for zone, _ in updates] == ["main"] * len(updates)
    ticks = [update.tick for _, update in updates]
    assert len(ticks) + tracker.status.dropped == 11
    assert ticks == sorted(set(ticks))
    assert ticks[-1] == 20
    assert tracker.status.estimates == len(updates)
    assert tracker.status.last_update is updates[-1][1]
    assert updates[0][1].raw.valence == 0.25


async def test_the_engine_runs_in_its_worker_thread(track):
    engine = FakeEngine()
    await track(engine)
    assert engine.threads == {"engine"}


async def test_a_slow_engine_gets_the_newest_window_and_the_others_are_counted(track):
    engine, free = FakeEngine(), threading.Event()
    infer = engine.infer

    def slow(mel, cochleagram):
        free.wait(0.3)
        return infer(mel, cochleagram)

    engine.infer = slow
    tracker, updates = await track(engine)
    assert len(updates) < 11
    assert tracker.status.dropped == 11 - len(updates)
    assert updates[-1][1].tick == 20


async def test_an_engine_error_costs_estimates_only(track, caplog):
    with caplog.at_level(logging.INFO):
        tracker, updates = await track(FakeEngine(fails={2, 3}, error=EngineError), pause=0.01)
    assert "no estimate: the engine stumbled; trying again" in caplog.text
    assert "the engine answers again" in caplog.text
    assert (tracker.status.restarts, tracker.status.gaps) == (0, 0)
    assert len(updates) + tracker.status.dropped == 11
    assert tracker.status.dropped >= 2
    assert (tracker.status.last_error, tracker.status.engine_error, tracker.status.ended) == (
        "",
        "",
        True,
    )


async def test_an_unexpected_exception_restarts_the_zone(track, caplog):
    with caplog.at_level(logging.ERROR):
        tracker, updates = await track(FakeEngine(fails={2, 3}))
    assert "the zone failed and starts again" in caplog.text
    ticks = [update.tick for _, update in updates]
    assert ticks == sorted(set(ticks))
    assert ticks[-1] > 20  # zone time continued over two restarts
    assert tracker.status.restarts == tracker.status.gaps == 2
    assert tracker.status.input_losses == (3, 6, 9)  # those of all three sources
    assert (tracker.status.last_error, tracker.status.ended) == ("", True)


async def test_stale_estimates_are_dropped(track, monkeypatch):
    monkeypatch.setattr(windows, "MAX_ESTIMATE_AGE_S", -10.0)
    tracker, updates = await track(FakeEngine(), pause=0.002)
    assert updates == []
    assert tracker.status.estimates == 0
    assert tracker.status.dropped == 11


async def test_a_source_that_fails_for_good_ends_the_zone_with_its_error(track):
    tracker, updates = await track(FakeEngine(), breaks_at=30000)
    assert isinstance(updates[-1], AudioError)
    assert str(updates[-1]) == tracker.status.last_error == "the file is damaged"
    assert tracker.status.ended


def test_the_input_name_of_a_url_has_no_password_and_no_query():
    url = "http://stage:canary@radio.lan/x?token=canary"
    tracker = ZoneTracker(
        Zone(input=url), Tracking(), BatchingInference(FakeEngine()), lambda *_: None
    )
    assert tracker.input == "http://radio.lan/x"
