"""Capture real PortAudio devices through PulseAudio."""

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
"""Longest recovery after the cause of a failure is gone, in seconds."""


async def collect(source, seconds):
    """Return a source's blocks of this many seconds of audio."""
    blocks, samples = [], 0
    async with asyncio.timeout(seconds + 8):
        async for block in source.blocks():
            blocks.append(block)
            samples += len(block.samples)
            if samples >= seconds * source.rate:
                break
    return blocks


@contextlib.asynccontextmanager
async def tracking(engine, *devices):
    """Track a zone per device; yield the trackers."""
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
            await wait_until(lambda: all(tracker.status.estimates for tracker in trackers), 8)
            yield trackers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@pytest.fixture
def elsewhere(pulse):
    """A second sound server with a microphone that plays noise, and its module.

    If a server has another source, it moves the clients of an unplugged one there.
    """
    other = PulseServer(("gamma",))
    other.start()
    module = other.plug_in("gamma")
    pulse.add_devices_of(other)
    player = MicrophonePlayer(other.pipe("gamma"), noise)
    yield other, module
    player.end()
    other.close()


async def wait_until(condition, seconds):
    """Wait for a condition; return the seconds it took."""
    started = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the tracker has no event for it
            await asyncio.sleep(0.02)
    return time.monotonic() - started


def write_noise(path, seconds):
    """Write stereo noise after two seconds of settling time; return the noise."""
    noise = np.random.default_rng(0).integers(-9000, 9000, (seconds * 44100, 2), dtype=np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 44100, 0, "NONE", ""))
        file.writeframes(np.ones((2 * 44100, 2), "<i2").tobytes() + noise.astype("<i2").tobytes())
    return noise


def assert_recorded(blocks, played):
    """Assert that the blocks contain these integers, consecutively."""
    recorded = np.round(np.concatenate([b.samples for b in blocks]) * 32768).astype(np.int16)
    [start] = [n for n in np.flatnonzero(recorded == played[0]) if recorded[n + 1] == played[1]]
    assert np.array_equal(recorded[start : start + len(played)], played)
    assert all(a.end_sample == b.start_sample for a, b in itertools.pairwise(blocks))


async def test_played_samples_are_recorded_bit_exactly(pulse, tmp_path):
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
async def test_the_chosen_channels_are_recorded(pulse, layout, channels, level):
    """Chosen channels are recorded as they are, not mixed by the sound server."""
    pulse.plug_in("alpha", layout)
    player = MicrophonePlayer(pulse.pipe("alpha"), each_channel_at_its_level)
    async with open_source(Zone(input="mic", device="alpha", channels=channels)) as source:
        blocks = await collect(source, 1)
    player.end()
    recorded = np.concatenate([block.samples for block in blocks]) * 32768
    assert np.median(recorded) == pytest.approx(level, abs=1)


async def test_clicks_get_their_true_capture_times(pulse):
    pulse.plug_in("alpha")
    player = MicrophonePlayer(pulse.pipe("alpha"), clicks(every=RATE // 4))
    async with open_source(Zone(input="mic", device="alpha")) as source:
        blocks = await collect(source, 6)
    player.end()
    errors = []
    for block in blocks[100:]:
        for n in np.flatnonzero(block.samples > 0.4):
            captured = block.captured + n / source.rate - player.started
            errors.append((captured + 0.125) % 0.25 - 0.125)
    assert len(errors) >= 10
    assert abs(np.median(errors)) < 0.03
    assert np.percentile(np.abs(errors), 99) < 0.06


@pytest.mark.parametrize(
    "form", [("mono", RATE), ("front-left,front-right", RATE // 2)], ids=["the same", "another"]
)
async def test_a_microphone_recovers_after_it_is_plugged_in_again(pulse, stage, engine, form):
    """The second device has another sample rate and number of channels."""
    pulse.unplug(stage["beta"])  # otherwise the sound server would switch to it
    async with tracking(engine, "alpha") as [tracker]:
        tick = tracker.status.last_update.tick
        pulse.unplug(stage["alpha"])
        detected = await wait_until(lambda: tracker.status.last_error, 5)
        assert detected < 2
        await asyncio.sleep(1.5)
        pulse.plug_in("alpha", *form)
        before = tracker.status.estimates
        await wait_until(lambda: not tracker.status.last_error, RECOVERY)
        await wait_until(lambda: tracker.status.estimates > before, 2)
        assert tracker.status.restarts == tracker.status.gaps == 1
        assert tracker.status.last_update.tick - tick > 15  # zone time continued


async def test_a_device_given_by_index_is_reopened_by_name(pulse, stage, engine):
    pulse.unplug(stage["beta"])
    index = {device.name: device.index for device in list_devices().devices}
    async with tracking(engine, str(index["alpha"])) as [tracker]:
        pulse.unplug(stage["alpha"])
        await wait_until(lambda: tracker.status.last_error, 5)
        pulse.shift_indices()
        assert list_devices().devices[index["alpha"]].name == "silent"
        pulse.plug_in("alpha")
        await wait_until(lambda: not tracker.status.last_error, RECOVERY)
        assert tracker.source.name == "alpha, ALSA"


async def test_a_microphone_recovers_after_the_sound_server_restarts(pulse, stage, engine):
    async with tracking(engine, "alpha") as [tracker]:
        pulse.stop()
        await wait_until(lambda: tracker.status.last_error, 2)
        await asyncio.sleep(1)
        pulse.start()
        pulse.plug_in("alpha")
        await wait_until(lambda: not tracker.status.last_error, RECOVERY)


@pytest.mark.long
async def test_unplugging_one_microphone_costs_another_no_sample(
    pulse, elsewhere, engine, tmp_path
):
    other, module = elsewhere
    pulse.add_sink()
    played = write_noise(tmp_path / "noise.wav", 5)
    async with tracking(engine, "gamma", "virtual_sink") as [gamma, sink]:
        player = pulse.play(tmp_path / "noise.wav")
        async with open_source(Zone(input="mic", device="virtual_sink", channels=[1])) as source:
            recording = asyncio.create_task(collect(source, 7.5))
            await asyncio.sleep(2.5)
            other.unplug(module)
            await wait_until(lambda: gamma.status.last_error, 2)
            await asyncio.sleep(1)
            other.plug_in("gamma")
            await wait_until(lambda: not gamma.status.last_error, RECOVERY)
            assert_recorded(await recording, played[:, 0])
        player.wait(10)
        assert gamma.status.restarts == 1
        status = sink.status
        assert (status.gaps, status.restarts, status.input_losses.overruns) == (0, 0, 0)


async def test_a_hanging_capture_process_is_replaced(pulse, stage, engine):
    """A hanging driver sends neither audio nor an error."""
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
        await wait_until(lambda: "sends nothing" in tracker.status.last_error, 2)
        await wait_until(lambda: not tracker.status.last_error, RECOVERY)


async def test_the_default_device_is_used_if_none_is_named(pulse, stage):
    async with open_source(Zone(input="mic")) as source:
        assert source.name == "default, ALSA"
        blocks = await collect(source, 0.5)
    assert np.std(np.concatenate([block.samples for block in blocks])) > 0.001


class TestMistakes:
    async def test_an_ambiguous_name_is_refused(self, pulse, stage):
        with pytest.raises(UsageError, match='"al" matches'):
            async with open_source(Zone(input="mic", device="al")):
                pass

    async def test_a_missing_channel_is_refused(self, pulse, stage):
        with pytest.raises(UsageError, match="cannot use channel 40: "):
            async with open_source(Zone(input="mic", device="alpha", channels=[40])):
                pass

    async def test_a_device_unknown_to_the_sound_server_is_an_error(self, pulse):
        with pytest.raises(AudioError, match='"alpha, ALSA": it does not answer; plug it in'):
            async with open_source(Zone(input="mic", device="alpha")):
                pass

    def test_without_server_and_card_no_device_is_listed(self, pulse):
        pulse.stop()
        assert list_devices().devices == ()

    async def test_without_any_device_opening_fails(self, pulse):
        pulse.stop()
        with pytest.raises(AudioError, match="there is no input device; plug one in"):
            async with open_source(Zone(input="mic")):
                pass
