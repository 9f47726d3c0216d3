"""Zones that wait for the engine are answered together, in their order, each with its own."""

import asyncio
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from streamer.engines import Estimate, FailoverEngine
from streamer.errors import EngineError
from streamer.tracking.batching import LARGEST, Inference


class Engine:
    """Answers with the window's first value; stands still while `free` is not set."""

    def __init__(self):
        self.batches = []
        self.free = threading.Event()
        self.free.set()

    def infer(self, mel, cochleagram):
        self.free.wait(5)
        self.batches.append(len(mel))
        if (mel < 0).any():
            raise RuntimeError("the engine stumbled")
        answer = mel[:, 0, 0]
        return Estimate(answer, answer, answer, answer)


def window(value):
    view = np.full((2, 3), value, np.float32)
    return SimpleNamespace(mel=view, cochleagram=view)


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def inference(engine):
    with Inference(engine) as inference:
        yield inference
        engine.free.set()


async def test_each_zone_gets_its_own_answer(engine, inference):
    answers = await asyncio.gather(*(inference.ask(window(k / 100)) for k in range(50)))
    assert [one.valence for one in answers] == pytest.approx([k / 100 for k in range(50)])
    assert sum(engine.batches) == 50
    assert max(engine.batches) == LARGEST


async def test_what_waits_while_the_engine_works_is_one_batch(engine, inference):
    engine.free.clear()
    first = asyncio.create_task(inference.ask(window(0.1)))
    await asyncio.sleep(0.05)
    others = [asyncio.create_task(inference.ask(window(0.2))) for _ in range(5)]
    await asyncio.sleep(0.05)
    engine.free.set()
    await asyncio.gather(first, *others)
    assert engine.batches == [1, 5]


async def test_a_zone_that_asks_alone_waits_for_nobody(engine, inference):
    for k in range(3):
        assert (await inference.ask(window(k))).arousal == k
    assert engine.batches == [1, 1, 1]


async def test_what_the_engine_raises_reaches_those_who_asked_and_nobody_later(inference):
    answers = await asyncio.gather(
        *(inference.ask(window(-1.0)) for _ in range(3)), return_exceptions=True
    )
    assert [str(one) for one in answers] == ["the engine stumbled"] * 3
    assert (await inference.ask(window(0.5))).valence == 0.5


async def test_a_zone_that_is_gone_holds_nobody_up(engine, inference):
    engine.free.clear()
    gone = asyncio.create_task(inference.ask(window(0.1)))
    await asyncio.sleep(0.02)
    also_gone = asyncio.create_task(inference.ask(window(0.2)))
    waiting = asyncio.create_task(inference.ask(window(0.3)))
    await asyncio.sleep(0.02)
    gone.cancel()
    also_gone.cancel()
    await asyncio.sleep(0.02)
    engine.free.set()
    assert (await waiting).valence == pytest.approx(0.3)
    assert engine.batches == [1, 1]


async def test_an_engine_that_hangs_is_left_behind_and_another_takes_its_place(monkeypatch):
    monkeypatch.setattr("streamer.tracking.batching.PATIENCE", 0.5)
    hanging, other = Engine(), Engine()
    for each in (hanging, other):
        each.name, each.model, each.last_error = "an engine", "m", ""
        each.front_end = each.smoothing = None
    hanging.free = threading.Event()
    hanging.free.wait = lambda seconds, wait=hanging.free.wait: wait()
    with Inference(FailoverEngine(hanging, lambda: other)) as inference:
        first = asyncio.create_task(inference.ask(window(0.1)))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(inference.ask(window(0.2)))
        with pytest.raises(EngineError, match="does not answer"):
            await first
        assert (await second).valence == pytest.approx(0.2)
        assert other.batches == [1]
    hanging.free.set()
