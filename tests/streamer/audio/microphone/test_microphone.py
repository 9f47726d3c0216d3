"""A real PortAudio capture through PulseAudio."""

import asyncio
import contextlib
import itertools
import os
import signal
import time
import wave

import numpy as np
import pytest

from streamer.audio import open_source
from streamer.audio.microphone import list_devices
from streamer.config import Tracking, Zone
from streamer.errors import AudioError, UsageError
from streamer.tracking.batching import BatchingInference
from streamer.tracking.zone import ZoneTracker
from tests.support.pulseaudio import RATE, MicrophonePlayer, PulseServer, clicks, noise

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
    with BatchingInference(engine) as inference:
        trackers = [
            ZoneTracker(
                Zone(id=device.replace("_", "-"), input="mic", device=device),
                Tracking(),
                inference,
                lambda zone, update: None,
            )
            for device in devices
        ]
        await asyncio.gather(*(tracker.open() for tracker in trackers))
        tasks = [asyncio.create_task(tracker.run()) for tracker in trackers]
        try:
            await until(lambda: all(tracker.status.estimates for tracker in trackers), 8)
            yield trackers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@pytest.fixture
def elsewhere(pulse):
    """A second sound server with a microphone of its own, noise before it; and its module.

    A server moves whoever records what is unplugged to another source, where it has one.
    """
    other = PulseServer(("gamma",))
    other.start()
    module = other.plug_in("gamma")
    pulse.add_devices_of(other)
    player = MicrophonePlayer(other.pipe("gamma"), noise)
    yield other, module
    player.end()
    other.close()


async def until(true, seconds):
    """Wait until it is true; give the seconds it took."""
    begun = time.monotonic()
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - the tracker has no event for it
            await asyncio.sleep(0.02)
    return time.monotonic() - begun


def write_noise(path, seconds):
    """Write stereo noise after two seconds in which the way there settles; give the noise."""
    noise = np.random.default_rng(0).integers(-9000, 9000, (seconds * 44100, 2), dtype=np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 44100, 0, "NONE", ""))
        file.writeframes(np.ones((2 * 44100, 2), "<i2").tobytes() + noise.astype("<i2").tobytes())
    return noise


def assert_recorded(blocks, played):
    """Check that these integers lie within the blocks, each in its place."""
    recorded = np.round(np.concatenate([b.samples for b in blocks]) * 32768).astype(np.int16)
    [start] = [n for n in np.flatnonzero(recorded == played[0]) if recorded[n + 1] == played[1]]
    assert np.array_equal(recorded[start : start + len(played)], played)
    assert all(a.end_sample == b.start_sample for a, b in itertools.pairwise(blocks))


async def test_the_samples_that_were_played_are_recorded_to_the_last_bit(pulse, tmp_path):
    pulse.add_sink()
    played = write_noise(tmp_path / "noise.wav", 2)
    player = pulse.play(tmp_path / "noise.wav")
    async with open_source(Zone(input="mic", device="virtual_sink", channels=[2])) as source:
        blocks = await collect(source, 4.5)
    player.wait(10)
    assert_recorded(blocks, played[:, 1])


def each_channel_at_its_level(first, last):
    return np.tile(np.int16([1000, 2000, 3000, 4000]), (last - first, 1))


@pytest.mark.parametrize(
    ("layout", "channels", "level"),
    [
        ("front-left,front-right,rear-left,rear-right", [1], 1000),
        ("front-left,front-right,rear-left,rear-right", [3, 4], 3500),
        ("front-left,front-right,rear-left,rear-right", [], 2500),
        ("aux0,aux1,aux2,aux3", [], 2500),
    ],
)
async def test_channels_are_those_that_are_meant(pulse, layout, channels, level):
    """A sound server would rather mix."""
    pulse.plug_in("alpha", layout)
    player = MicrophonePlayer(pulse.pipe("alpha"), each_channel_at_its_level)
    async with open_source(Zone(input="mic", device="alpha", channels=channels)) as source:
        blocks = await collect(source, 1)
    player.end()
    recorded = np.concatenate([block.samples for block in blocks]) * 32768
    assert np.median(recorded) == pytest.approx(level, abs=1)


async def test_a_click_is_told_when_it_sounded(pulse):
    pulse.plug_in("alpha")
    player = MicrophonePlayer(pulse.pipe("alpha"), clicks(every=RATE // 4))
    async with open_source(Zone(input="mic", device="alpha")) as source:
        blocks = await collect(source, 6)
    player.end()
    errors = []
    for block in blocks[100:]:
        for n in np.flatnonzero(block.samples > 0.4):
            told = block.captured + n / source.rate - player.started
            errors.append((told + 0.125) % 0.25 - 0.125)
    assert len(errors) >= 10
    assert abs(np.median(errors)) < 0.03
    assert np.percentile(np.abs(errors), 99) < 0.06


@pytest.mark.parametrize(
    "form", [("mono", RATE), ("front-left,front-right", RATE // 2)], ids=["the same", "another"]
)
async def test_it_is_back_soon_after_it_was_plugged_in_again(pulse, stage, engine, form):
    """In another format too."""
    pulse.unplug(stage["beta"])  # else the sound server would hand out that one instead
    async with tracking(engine, "alpha") as [tracker]:
        tick = tracker.status.last_update.tick
        pulse.unplug(stage["alpha"])
        noticed = await until(lambda: tracker.status.last_error, 5)
        assert noticed < 2
        await asyncio.sleep(1.5)
        pulse.plug_in("alpha", *form)
        before = tracker.status.estimates
        await until(lambda: not tracker.status.last_error, RECOVERY)
        await until(lambda: tracker.status.estimates > before, 2)
        assert tracker.status.restarts == tracker.status.gaps == 1
        assert tracker.status.last_update.tick - tick > 15  # zone time went on


async def test_one_given_by_its_index_is_kept_though_that_becomes_another_ones(
    pulse, stage, engine
):
    pulse.unplug(stage["beta"])
    index = {device.name: device.index for device in list_devices().devices}
    async with tracking(engine, str(index["alpha"])) as [tracker]:
        pulse.unplug(stage["alpha"])
        await until(lambda: tracker.status.last_error, 5)
        pulse.shift_indices()
        assert list_devices().devices[index["alpha"]].name == "silent"
        pulse.plug_in("alpha")
        await until(lambda: not tracker.status.last_error, RECOVERY)
        assert tracker.source.name == "alpha, ALSA"


async def test_it_is_back_soon_after_the_sound_server_is(pulse, stage, engine):
    async with tracking(engine, "alpha") as [tracker]:
        pulse.stop()
        await until(lambda: tracker.status.last_error, 2)
        await asyncio.sleep(1)
        pulse.start()
        pulse.plug_in("alpha")
        await until(lambda: not tracker.status.last_error, RECOVERY)


@pytest.mark.long
async def test_one_that_is_unplugged_costs_another_no_sample(pulse, elsewhere, engine, tmp_path):
    other, module = elsewhere
    pulse.add_sink()
    played = write_noise(tmp_path / "noise.wav", 5)
    async with tracking(engine, "gamma", "virtual_sink") as [gamma, sink]:
        player = pulse.play(tmp_path / "noise.wav")
        async with open_source(Zone(input="mic", device="virtual_sink", channels=[1])) as source:
            recording = asyncio.create_task(collect(source, 7.5))
            await asyncio.sleep(2.5)
            other.unplug(module)
            await until(lambda: gamma.trouble, 2)
            await asyncio.sleep(1)
            other.plug_in("gamma")
            await until(lambda: not gamma.trouble, RECOVERY)
            assert_recorded(await recording, played[:, 0])
        player.wait(10)
        assert gamma.restarts == 1
        assert (sink.gaps, sink.restarts, sink.source.overruns) == (0, 0, 0)


async def test_a_recorder_that_hangs_is_replaced(pulse, stage, engine):
    """Its driver does not answer: nothing comes, no error either."""
    async with tracking(engine, "alpha") as [tracker]:
        listing = await asyncio.create_subprocess_exec(
            "pgrep",
            "-P",
            str(os.getpid()),
            "-f",
            "portaudio_capture.py",
            stdout=asyncio.subprocess.PIPE,
        )
        children, _ = await listing.communicate()
        for child in children.split():
            os.kill(int(child), signal.SIGSTOP)
        await until(lambda: "sends nothing" in tracker.status.last_error, 2)
        await until(lambda: not tracker.status.last_error, RECOVERY)


async def test_the_default_device_is_taken_where_none_is_named(pulse, stage):
    async with open_source(Zone(input="mic")) as source:
        assert source.name == "default, ALSA"
        blocks = await collect(source, 0.5)
    assert np.std(np.concatenate([block.samples for block in blocks])) > 0.001


class TestMistakes:
    async def test_a_name_that_fits_two(self, pulse, stage):
        with pytest.raises(UsageError, match='"al" matches'):
            async with open_source(Zone(input="mic", device="al")):
                pass

    async def test_a_channel_that_it_does_not_have(self, pulse, stage):
        with pytest.raises(UsageError, match="cannot use channel 40: "):
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
        with pytest.raises(AudioError, match="there is no input device; plug one in"):
            async with open_source(Zone(input="mic")):
                pass
