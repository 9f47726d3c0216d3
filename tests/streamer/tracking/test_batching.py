"""One slot per zone: the newest window of each goes to the engine, in batches."""

import asyncio
import gc
import threading
import time
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.engines import Estimate, FailoverEngine
from streamer.errors import EngineError
from streamer.tracking import batching
from streamer.tracking.batching import MAX_BATCH, BatchingInference
from streamer.tracking.windows import Window
from streamer.tracking.zone_status import ZoneStatus


class Engine:
    """Answers with the window's first value; blocks while `free` is not set."""

    name, model, last_error = "an engine", "m", ""
    front_end = smoothing = None

    def __init__(self):
        self.batches = []
        self.free = threading.Event()
        self.free.set()

    def infer(self, mel, cochleagram):
        self.free.wait()
        self.batches.append(mel[:, 0, 0].tolist())
        if (mel < 0).any():
            raise RuntimeError("the engine stumbled")
        answer = mel[:, 0, 0]
        return Estimate(answer, answer, answer, answer)


def window(value, *, age=0.0):
    view = np.full((2, 3), value, np.float32)
    captured = time.monotonic() - age
    return Window(0, 0, captured, view, view, warm=1.0, level=-20.0, silence=False)


class Zone:
    """A slot, and the answers that were read from it."""

    def __init__(self, inference):
        self.status = ZoneStatus()
        self.slot = inference.open_slot(self.status)
        self.answers = []
        self.task = asyncio.create_task(self._read())

    async def _read(self):
        with self.slot:
            async for answer in self.slot:
                self.answers.append(answer)

    async def ended(self):
        """Wait for the answers to all windows; return the valences."""
        self.slot.close()
        async with asyncio.timeout(5):
            await self.task
        return pytest.approx([answer.affect.valence for answer in self.answers])


@pytest.fixture
def engine():
    engine = Engine()
    yield engine
    engine.free.set()


@pytest.fixture
async def inference(engine):
    with BatchingInference(engine) as inference:
        yield inference
        engine.free.set()


async def until(true):
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - the engine's thread has no event for it
            await asyncio.sleep(0.001)


async def busy_zone(engine, inference):
    """A zone whose window the engine works on until `engine.free` is set."""
    engine.free.clear()
    zone = Zone(inference)
    zone.slot.put(window(0.01))
    await until(lambda: zone.slot._busy)
    return zone


async def test_each_zone_gets_its_own_answer(engine, inference):
    zones = [Zone(inference) for _ in range(50)]
    for k, zone in enumerate(zones):
        zone.slot.put(window(k / 100))
    for k, zone in enumerate(zones):
        assert await zone.ended() == [k / 100]
    assert sum(map(len, engine.batches)) == 50
    assert max(map(len, engine.batches)) == MAX_BATCH


async def test_windows_that_wait_while_the_engine_works_become_one_batch(engine, inference):
    first = await busy_zone(engine, inference)
    others = [Zone(inference) for _ in range(5)]
    for zone in others:
        zone.slot.put(window(0.2))
    engine.free.set()
    for zone in [first, *others]:
        await zone.ended()
    assert list(map(len, engine.batches)) == [1, 5]


async def test_a_zone_alone_does_not_wait_for_others(engine, inference):
    zone = Zone(inference)
    for k in range(3):
        zone.slot.put(window(k / 10))
        await until(lambda k=k: len(zone.answers) == k + 1)
    assert list(map(len, engine.batches)) == [1, 1, 1]


async def test_a_newer_window_replaces_one_that_waits_and_is_counted(engine, inference):
    zone = await busy_zone(engine, inference)
    for k in range(1, 5):
        zone.slot.put(window(k / 10))
    engine.free.set()
    assert await zone.ended() == [0.01, 0.4]
    assert zone.status.dropped == 3


async def test_replacing_a_window_keeps_the_place_of_the_zone(engine, inference):
    await busy_zone(engine, inference)
    zones = [Zone(inference) for _ in range(MAX_BATCH + 1)]
    for zone in zones:
        zone.slot.put(window(0.1))
    zones[0].slot.put(window(0.3))
    engine.free.set()
    for zone in zones:
        await zone.ended()
    assert engine.batches[1] == pytest.approx([0.3] + 7 * [0.1])
    assert engine.batches[2] == pytest.approx([0.1])


async def test_a_zone_with_many_windows_does_not_starve_another(engine, inference):
    zones = [await busy_zone(engine, inference), *(Zone(inference) for _ in range(2 * MAX_BATCH))]
    for k, zone in enumerate(zones):
        zone.slot.put(window(k / 100))
    engine.free.set()
    for zone in zones:
        await zone.ended()
    order = [value for batch in engine.batches[1:] for value in batch]
    assert order[: 2 * MAX_BATCH] == pytest.approx([k / 100 for k in range(1, 17)])
    assert order[2 * MAX_BATCH] == 0.0  # had an answer before, so the others came first


async def test_a_window_that_became_too_old_is_dropped(engine, inference):
    zone = await busy_zone(engine, inference)
    zone.slot.put(window(0.5, age=10.0))
    engine.free.set()
    assert await zone.ended() == [0.01]
    assert zone.status.dropped == 1
    assert list(map(len, engine.batches)) == [1]


async def test_the_answer_time_counts_from_the_first_window_that_waited(engine, inference):
    zone = await busy_zone(engine, inference)
    await asyncio.sleep(0.1)
    zone.slot.put(window(0.1))
    engine.free.set()
    await zone.ended()
    assert zone.answers[0].seconds > 0.1
    assert zone.answers[1].seconds < zone.answers[0].seconds


async def test_closing_an_empty_slot_ends_its_answers(inference):
    assert await Zone(inference).ended() == []


@given(busy=st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_each_window_is_answered_in_order_or_counted_as_dropped(busy):
    async def scenario():
        with BatchingInference(Engine()) as inference:
            zone = Zone(inference)
            for k, turns in enumerate(busy):
                zone.slot.put(window(k / 100))
                for _ in range(turns):
                    await asyncio.sleep(0)
            await zone.ended()
        values = [round(100 * answer.affect.valence) for answer in zone.answers]
        assert values == sorted(set(values))
        assert values[-1] == len(busy) - 1
        assert len(values) + zone.status.dropped == len(busy)

    asyncio.run(scenario())


async def test_an_unexpected_exception_reaches_every_zone_of_the_batch_and_no_later_one(
    engine, inference
):
    zones = [Zone(inference) for _ in range(3)]
    for zone in zones:
        zone.slot.put(window(-1.0))
    for zone in zones:
        with pytest.raises(RuntimeError, match="the engine stumbled"):
            await zone.ended()
    later = Zone(inference)
    later.slot.put(window(0.5))
    assert await later.ended() == [0.5]


@pytest.mark.parametrize("error", [EngineError("out of memory"), SystemExit("out of memory")])
async def test_an_engine_error_is_an_answer(engine, inference, error):
    def fail(mel, cochleagram):
        raise error

    engine.infer = fail
    zone = Zone(inference)
    zone.slot.put(window(0.1))
    await until(lambda: zone.answers)
    assert zone.answers[0].affect is None
    assert "out of memory" in zone.answers[0].error


async def test_too_few_estimates_are_an_engine_error(engine, inference):
    engine.infer = lambda mel, cochleagram: Estimate(*4 * [mel[1:, 0, 0]])
    zone = Zone(inference)
    zone.slot.put(window(0.1))
    await until(lambda: zone.answers)
    assert "0 estimates for a batch of 1" in zone.answers[0].error


async def test_zones_that_are_gone_do_not_hold_others_up(engine, inference):
    gone = await busy_zone(engine, inference)
    also_gone, waiting = Zone(inference), Zone(inference)
    await asyncio.sleep(0)
    also_gone.slot.put(window(0.2))
    waiting.slot.put(window(0.3))
    for zone in (gone, also_gone):
        zone.task.cancel()
        await asyncio.wait([zone.task])
    engine.free.set()
    assert await waiting.ended() == [0.3]
    assert list(map(len, engine.batches)) == [1, 1]


@pytest.mark.parametrize("kind", [RuntimeError, EngineError])
async def test_an_exception_of_the_engine_keeps_nothing_alive(engine, inference, kind):
    class Memory:
        """What the frames of an engine that fails hold."""

    kept = []

    def fail(mel, cochleagram):
        memory = Memory()
        kept.append(weakref.ref(memory))
        raise kind("out of memory")

    engine.infer = fail
    zone = Zone(inference)
    gc.disable()
    try:
        zone.slot.put(window(0.1))
        if kind is RuntimeError:
            await asyncio.wait([zone.task], timeout=5)
            assert isinstance(zone.task.exception(), RuntimeError)
            zone.task = None
        else:
            await until(lambda: zone.answers)
        await asyncio.sleep(0)
        assert kept[0]() is None
    finally:
        gc.enable()


class TestHungEngine:
    @pytest.fixture(autouse=True)
    def short_timeouts(self, monkeypatch):
        monkeypatch.setattr(batching, "ENGINE_TIMEOUT_S", 0.1)
        monkeypatch.setattr(batching, "REPLACE_TIMEOUT_S", 0.1)
        monkeypatch.setattr(batching, "_POLL_S", 0.05)

    async def errors(self, engine, open_next):
        """Errors of two zones whose engine hangs, and whose replacement is `open_next`."""
        engine.free.clear()
        with BatchingInference(FailoverEngine(engine, open_next)) as inference:
            zones = [Zone(inference) for _ in range(2)]
            for zone in zones:
                zone.slot.put(window(0.1))
            await until(lambda: all(zone.answers for zone in zones))
            for zone in zones:
                zone.task.cancel()
        return {zone.answers[0].error for zone in zones}

    async def test_it_is_left_behind_and_another_takes_its_place(self, engine):
        other = Engine()
        engine.free.clear()
        with BatchingInference(FailoverEngine(engine, lambda: other)) as inference:
            first, second = Zone(inference), Zone(inference)
            first.slot.put(window(0.1))
            await until(lambda: first.slot._busy)
            second.slot.put(window(0.2))
            await until(lambda: first.answers)
            assert "does not answer" in first.answers[0].error
            assert await second.ended() == [0.2]
            assert other.batches == [pytest.approx([0.2])]
            first.task.cancel()

    @pytest.mark.parametrize(
        "error",
        [
            EngineError("no GPU"),
            RuntimeError("no GPU"),
            SystemExit("no GPU"),
            StopIteration("no GPU"),
        ],
    )
    async def test_whatever_replacing_it_raises_the_zones_get_an_error(self, engine, error):
        def open_next():
            raise error

        [message] = await self.errors(engine, open_next)
        assert "no GPU" in message

    async def test_a_replacement_that_hangs_too_is_an_error(self, engine):
        hang = threading.Event()
        [message] = await self.errors(engine, hang.wait)
        assert "nor can it be replaced" in message
        hang.set()

    async def test_without_a_thread_to_replace_it_the_zones_get_an_error(self, engine, monkeypatch):
        engine.free.clear()
        with BatchingInference(engine) as inference:

            def no_thread(name):
                raise RuntimeError("can't start new thread")

            monkeypatch.setattr(batching, "WorkerThread", no_thread)
            zone = Zone(inference)
            zone.slot.put(window(0.1))
            await until(lambda: zone.answers)
            assert "can't start new thread" in zone.answers[0].error
            zone.task.cancel()
