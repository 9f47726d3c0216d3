"""Commands on running zones: real trackers, without audio."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from streamer.app.controller import Controller
from streamer.app.reloadable import ReloadResult
from streamer.audio import Block
from streamer.config import Tracking, Zone
from streamer.errors import ConfigError
from streamer.mqtt import Command, CommandError
from streamer.mqtt.commands import ResponseTarget
from streamer.tracking.batching import BatchingInference
from streamer.tracking.calibration import Calibration, CalibrationStore
from streamer.tracking.trajectory import AffineCorrection, Correction
from streamer.tracking.zone import ZoneTracker

ZONE = Zone(input="mic")
RATE = 8000
REPLY = ResponseTarget(("streamer/test/main/ack/calibrate",), id="7")


class Desk:
    """A controller of one zone, with the acknowledgements and controls it sent."""

    def __init__(self, inference, folder):
        self.answers, self.published = [], []
        self.tracker = ZoneTracker(ZONE, Tracking(), inference, print)
        self.tracker.source.current = SimpleNamespace(rate=RATE)
        self.store = CalibrationStore(folder / "calibration.json")
        self.changed = ReloadResult(None, ("tracking.rate",), ())
        self.controller = Controller(
            {"main": ZONE},
            {"main": self.tracker},
            self.store,
            reload=self.reload,
            send_ack=lambda reply, ack: self.answers.append((reply, ack)),
            on_controls=lambda zone, controls: self.published.append(controls),
        )
        self.controller.apply(Tracking())

    def reload(self):
        if self.changed is None:
            raise ConfigError("c.toml: no")
        return self.changed

    def send(self, name, value):
        return self.controller.execute(Command("main", name, value, REPLY))

    async def play_noise(self, level, seconds):
        """Offer noise at a level in dBFS to the zone; wait for the calibration's answer."""
        answers = len(self.answers)
        for start in range(0, round(seconds * RATE), RATE // 10):
            random = np.random.default_rng(start)
            sound = random.normal(0, 10 ** (level / 20), RATE // 10).astype(np.float32)
            self.controller.offer_audio("main", Block(sound, start, start / RATE), RATE)
        async with asyncio.timeout(2):
            while len(self.answers) == answers:  # noqa: ASYNC110 - a thread writes a file
                await asyncio.sleep(0.01)
            while self.published[-1].calibrating:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
async def desk(engine, tmp_path):
    with BatchingInference(engine) as inference:
        desk = Desk(inference, tmp_path)
        yield desk
        await desk.controller.close()


async def test_controls_are_published_at_the_start(desk):
    [controls] = desk.published
    assert (controls.smoothing, controls.rate, controls.freeze) == ("kalman", 10, False)


async def test_smoothing_rate_and_freeze_are_applied_and_published(desk):
    assert desk.send("smoothing", "one-euro") == "one-euro"
    assert desk.send("rate", 4.0) == 4.0
    assert desk.send("freeze", value=True) is True
    assert (desk.tracker.tracking.smoother, desk.tracker.tracking.rate) == ("one-euro", 4.0)
    assert desk.tracker.trajectory.hold_output
    controls = desk.published[-1]
    assert (controls.smoothing, controls.rate, controls.freeze) == ("one-euro", 4.0, True)


class TestReload:
    async def test_the_answer_names_changed_keys(self, desk):
        assert desk.send("reload", "now") == "reloaded; changed: tracking.rate"
        desk.changed = ReloadResult(None, (), ())
        assert desk.send("reload", "now") == "reloaded; changed: nothing"

    async def test_an_invalid_configuration_is_rejected_with_its_error(self, desk):
        desk.changed = None
        with pytest.raises(CommandError, match=r"not reloaded: c\.toml: no"):
            desk.send("reload", "now")


class TestCalibrate:
    async def test_calibration_measures_stores_applies_and_answers(self, desk):
        assert desk.send("calibrate", 20.0) == "listening for 20 s"
        assert desk.published[-1].calibrating
        await desk.play_noise(-33.0, 20)
        [(reply, ack)] = desk.answers
        assert (reply, ack.ok, ack.id) == (REPLY, True, "7")
        assert ack.value == pytest.approx(15, abs=0.5)
        assert desk.tracker.gain.gain_db == ack.value
        assert desk.store.get_valid(ZONE).gain_db == ack.value
        assert (desk.published[-1].calibrating, desk.published[-1].gain_db) == (False, ack.value)

    async def test_a_second_calibration_measures_the_level_before_the_gain(self, desk):
        for _ in range(2):
            desk.send("calibrate", 20.0)
            await desk.play_noise(-33.0, 20)
            assert desk.tracker.gain.gain_db == pytest.approx(15, abs=0.5)

    async def test_a_measured_correction_is_kept(self, desk):
        correction = Correction(arousal=AffineCorrection(offset=0.1))
        before = Calibration.of(
            ZONE, gain_db=7.0, level_dbfs=-25.0, correction=correction, reference=("a.flac",)
        )
        desk.store.put("main", before)
        desk.controller.apply(Tracking())
        desk.send("calibrate", 20.0)
        await desk.play_noise(-33.0, 20)
        after = desk.store.get_valid(ZONE)
        assert (after.correction, after.reference) == (correction, ("a.flac",))
        assert desk.tracker.trajectory.correction == correction

    async def test_silence_is_rejected_and_changes_nothing(self, desk):
        desk.send("calibrate", 20.0)
        await desk.play_noise(-120.0, 20)
        [(_, ack)] = desk.answers
        assert not ack.ok
        assert "hardly any audio" in ack.reason
        assert desk.store.get_valid(ZONE) is None

    async def test_lost_audio_ends_a_calibration(self, desk, monkeypatch):
        monkeypatch.setattr("streamer.app.controller.CALIBRATION_GRACE", -19.9)
        desk.send("calibrate", 20.0)
        await desk.play_noise(-33.0, 5)
        assert desk.answers[-1][1].reason == "the audio was lost meanwhile"
        assert desk.send("calibrate", 20.0) == "listening for 20 s"

    async def test_a_second_calibration_at_the_same_time_is_rejected(self, desk):
        desk.send("calibrate", 20.0)
        with pytest.raises(CommandError, match="already running"):
            desk.send("calibrate", 20.0)

    async def test_a_zone_without_audio_cannot_be_calibrated(self, desk):
        desk.tracker.status.last_error = "the device is gone"
        with pytest.raises(CommandError, match="has no audio"):
            desk.send("calibrate", 20.0)

    async def test_reset_removes_the_calibration(self, desk):
        desk.send("calibrate", 20.0)
        await desk.play_noise(-33.0, 20)
        assert desk.send("calibrate", "reset") == "reset"
        assert desk.tracker.gain.gain_db == 0.0
        async with asyncio.timeout(2):
            while desk.store.get_valid(ZONE) is not None:  # noqa: ASYNC110 - a thread writes a file
                await asyncio.sleep(0.01)

    async def test_reset_cancels_a_running_calibration(self, desk):
        desk.send("calibrate", 20.0)
        desk.send("calibrate", "reset")
        await desk.play_noise(-33.0, 1)
        assert desk.answers[-1][1].reason == "cancelled by a reset"
        assert desk.tracker.gain.gain_db == 0.0

    async def test_a_stored_calibration_is_applied_at_start_and_on_reload(self, desk):
        desk.store.put("main", Calibration.of(ZONE, gain_db=7.0, level_dbfs=-25.0))
        desk.controller.apply(Tracking(rate=5))
        assert desk.tracker.gain.gain_db == 7.0
        assert (desk.published[-1].gain_db, desk.published[-1].rate) == (7.0, 5)
