"""A real PortAudio capture through PulseAudio."""

import asyncio
import contextlib
import itertools
import os
import signal
import time
import wave
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.pulse import RATE, Performer, clicks
from streamer.audio import open_source
from streamer.audio.microphone import list_devices
from streamer.config import Tracking, Zone
from streamer.errors import AudioError, UsageError
from streamer.tracking.zone import ZoneTracker

pytestmark = pytest.mark.peer

RECOVERY = 3.0
"""Seconds after its cause has gone within which a failure is over."""


async def collect(source, seconds):
    """Take a source's blocks for so many seconds of sound."""
    blocks, heard = [], 0
    async with asyncio.timeout(seconds + 8):
        async for block in source.blocks():
            blocks.append(block)
            heard += len(block.samples)
            if heard >= seconds * source.rate:
                break
    return blocks


@contextlib.asynccontextmanager
async def tracking(engine, *devices):
    """Track a zone for each device; give the trackers."""
    with ThreadPoolExecutor(1) as workers:
        trackers = [
            ZoneTracker(
                Zone(id=device, input="mic", device=device),
                Tracking(),
                engine,
                workers,
                lambda zone, update: None,
            )
            for device in devices
        ]
        await asyncio.gather(*(tracker.open() for tracker in trackers))
        tasks = [asyncio.create_task(tracker.run()) for tracker in trackers]
        try:
            await until(lambda: all(tracker.estimates for tracker in trackers), 8)
            yield trackers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def until(true, seconds):
    """Wait until it is true; give the seconds it took."""
    begun = time.monotonic()
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - the tracker has no event for it
            await asyncio.sleep(0.02)
    return time.monotonic() - begun


async def test_the_samples_that_were_played_are_recorded_to_the_last_bit(pulse, tmp_path):
    pulse.add_sink()
    sound = np.random.default_rng(0).integers(-9000, 9000, (4 * 44100, 2), dtype=np.int16)
    sound[: 2 * 44100] = 1  # the way there settles meanwhile
    with wave.open(str(tmp_path / "sound.wav"), "wb") as file:
        file.setparams((2, 2, 44100, 0, "NONE", ""))
        file.writeframes(sound.astype("<i2").tobytes())
    player = pulse.play(tmp_path / "sound.wav")
    async with open_source(Zone(input="mic", device="virtual_sink", channels=[2])) as source:
        blocks = await collect(source, 4.5)
    player.wait(10)
    recorded = np.round(np.concatenate([b.samples for b in blocks]) * 32768).astype(np.int32)
    played = sound[2 * 44100 : 4 * 44100, 1].astype(np.int32)
    [start] = [n for n in np.flatnonzero(recorded == played[0]) if recorded[n + 1] == played[1]]
    assert np.array_equal(recorded[start : start + len(played)], played)
    assert all(a.end_sample == b.start_sample for a, b in itertools.pairwise(blocks))


async def test_a_click_is_told_when_it_sounded(pulse):
    pulse.plug_in("alpha")
    performer = Performer(pulse, "alpha", clicks(every=RATE // 4))
    async with open_source(Zone(input="mic", device="alpha")) as source:
        blocks = await collect(source, 6)
    performer.end()
    errors = []
    for block in blocks[100:]:
        for n in np.flatnonzero(block.samples > 0.4):
            told = block.captured + n / source.rate - performer.begun
            errors.append((told + 0.125) % 0.25 - 0.125)
    assert len(errors) >= 10
    assert abs(np.median(errors)) < 0.03
    assert np.percentile(np.abs(errors), 99) < 0.06


async def test_it_is_back_soon_after_it_was_plugged_in_again(pulse, stage, engine):
    pulse.unplug(stage["beta"])  # else the sound server would hand out that one instead
    async with tracking(engine, "alpha") as [tracker]:
        tick = tracker.last.tick
        pulse.unplug(stage["alpha"])
        noticed = await until(lambda: tracker.trouble, 5)
        assert noticed < 2
        await asyncio.sleep(1.5)
        pulse.plug_in("alpha")
        before = tracker.estimates
        await until(lambda: not tracker.trouble, RECOVERY)
        await until(lambda: tracker.estimates > before, 2)
        assert tracker.restarts == tracker.gaps == 1
        assert tracker.last.tick - tick > 15  # zone time went on


async def test_it_is_back_soon_after_the_sound_server_is(pulse, stage, engine):
    async with tracking(engine, "alpha") as [tracker]:
        pulse.stop()
        await until(lambda: tracker.trouble, 2)
        await asyncio.sleep(1)
        pulse.start()
        pulse.plug_in("alpha")
        await until(lambda: not tracker.trouble, RECOVERY)


async def test_one_that_is_unplugged_costs_another_no_sample(pulse, stage, engine):
    async with tracking(engine, "alpha", "beta") as [alpha, beta]:
        dropped = beta.dropped
        ticks = beta.last.tick
        pulse.unplug(stage["alpha"])
        await asyncio.sleep(2)
        stage["alpha"] = pulse.plug_in("alpha")
        await asyncio.sleep(3)
        assert beta.gaps == beta.restarts == 0
        assert beta.source.overruns == 0
        assert beta.last.tick - ticks >= 45
        assert beta.dropped == dropped
        assert alpha.last.tick > ticks


async def test_a_recorder_that_hangs_is_replaced(pulse, stage, engine):
    """Its driver does not answer: nothing comes, no error either."""
    async with tracking(engine, "alpha") as [tracker]:
        listing = await asyncio.create_subprocess_exec(
            "pgrep", "-P", str(os.getpid()), "-f", "recorder.py", stdout=asyncio.subprocess.PIPE
        )
        children, _ = await listing.communicate()
        for child in children.split():
            os.kill(int(child), signal.SIGSTOP)
        await until(lambda: "sends nothing" in tracker.trouble, 2)
        await until(lambda: not tracker.trouble, RECOVERY)


async def test_the_default_device_is_taken_where_none_is_named(pulse, stage):
    async with open_source(Zone(input="mic")) as source:
        assert source.name == "default, ALSA"
        blocks = await collect(source, 0.5)
    assert np.std(np.concatenate([block.samples for block in blocks])) > 0.001


class TestMistakes:
    async def test_a_name_that_fits_two(self, pulse, stage):
        with pytest.raises(UsageError, match='"al" may be any of'):
            async with open_source(Zone(input="mic", device="al")):
                pass

    async def test_a_channel_that_it_does_not_have(self, pulse, stage):
        with pytest.raises(UsageError, match="channel 40 does not exist"):
            async with open_source(Zone(input="mic", device="alpha", channels=[40])):
                pass

    async def test_a_device_that_the_sound_server_has_not(self, pulse):
        with pytest.raises(AudioError, match='"alpha, ALSA" does not answer; plug it in'):
            async with open_source(Zone(input="mic", device="alpha")):
                pass

    def test_no_sound_server_and_no_card(self, pulse):
        pulse.stop()
        assert list_devices().devices == ()

    async def test_no_device_at_all(self, pulse):
        pulse.stop()
        with pytest.raises(AudioError, match="there is no microphone: plug one in"):
            async with open_source(Zone(input="mic")):
                pass
