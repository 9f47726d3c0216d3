"""Zones that fail, and cancelling a run."""

import asyncio

import pytest

from streamer.app import runtime as runtime_module
from streamer.app.runtime import Run
from streamer.config import Config
from streamer.errors import AudioError
from streamer.tracking.zone import ZoneTracker

pytestmark = [pytest.mark.peer, pytest.mark.smoke]


@pytest.fixture
def run(broker, engine, monkeypatch):
    """Run two zones, `good` and `bad`; `bad` runs the coroutine of the test."""

    async def run(bad):
        ended = []

        class Tracker(ZoneTracker):
            async def run(self):
                if self.id == "bad":
                    await bad(self)
                else:
                    await asyncio.sleep(0.3)
                    ended.append(self.id)

        monkeypatch.setattr(runtime_module, "ZoneTracker", Tracker)
        config = Config.model_validate(
            {
                "zones": [{"id": "good"}, {"id": "bad"}],
                "mqtt": {"broker": str(broker.address), "node": "runner"},
            }
        )
        try:
            async with asyncio.timeout(10):
                await Run(config, engine, None, lambda: config).run()
        finally:
            ended.append("all")
        return ended

    return run


async def test_a_zone_that_fails_after_its_first_estimate_does_not_end_the_others(run, caplog):
    async def breaks(tracker):
        tracker.status.estimates = 50
        raise AudioError("the file is damaged")

    assert await run(breaks) == ["good", "all"]
    assert ("bad", "stopped: the file is damaged") in [
        (getattr(record, "zone", ""), record.getMessage()) for record in caplog.records
    ]


async def test_a_zone_that_fails_before_its_first_estimate_ends_the_run(run):
    async def breaks(tracker):
        raise AudioError("there is no such file")

    with pytest.raises(AudioError, match="there is no such file"):
        await run(breaks)


async def test_a_run_can_be_cancelled(run):
    async def waits(tracker):
        await asyncio.sleep(60)

    task = asyncio.create_task(run(waits))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
