"""What commands do to running zones: real trackers, without sound."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from streamer.app.controller import Controller
from streamer.app.reload import ReloadResult
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
    """A control with one zone, and what it said."""

    def __init__(self, inference, folder):
        self.answers, self.shown = [], []
        self.tracker = ZoneTracker(ZONE, Tracking(), inference, print)
        self.tracker.source.current = SimpleNamespace(rate=RATE)
        self.store = CalibrationStore(folder / "calibration.json")
        self.changed = ReloadResult(None, ("tracking.rate",), ())
        self.control = Controller(
            {"main": ZONE},
            {"main": self.tracker},
            self.store,
            reload=self.reload,
            send_ack=lambda reply, ack: self.answers.append((reply, ack)),
            on_controls=lambda zone, controls: self.shown.append(controls),
        )
        self.control.apply(Tracking())

    def reload(self):
        if self.changed is None:
            raise ConfigError("c.toml: no")
        return self.changed

    def send(self, name, value):
        return self.control.execute(Command("main", name, value, REPLY))

    async def hear(self, level, seconds):
        """Let the zone hear noise of a level; wait for the answer to what listens."""
        answers = len(self.answers)
        for start in range(0, round(seconds * RATE), RATE // 10):
            random = np.random.default_rng(start)
            sound = random.normal(0, 10 ** (level / 20), RATE // 10).astype(np.float32)
            self.control.offer_audio("main", Block(sound, start, start / RATE), RATE)
        async with asyncio.timeout(2):
            while len(self.answers) == answers:  # noqa: ASYNC110 - a thread writes a file
                await asyncio.sleep(0.01)
            while self.shown[-1].calibrating:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
async def desk(engine, tmp_path):
    with BatchingInference(engine) as inference:
        desk = Desk(inference, tmp_path)
        yield desk
        await desk.control.close()


async def test_how_a_zone_is_set_is_shown_from_the_beginning(desk):
    [controls] = desk.shown
    assert (controls.smoothing, controls.rate, controls.freeze) == ("kalman", 10, False)


async def test_smoothing_rate_and_freeze_take_effect_and_are_shown(desk):
    assert desk.send("smoothing", "one-euro") == "one-euro"
    assert desk.send("rate", 4.0) == 4.0
    assert desk.send("freeze", value=True) is True
    assert (desk.tracker.tracking.smoother, desk.tracker.tracking.rate) == ("one-euro", 4.0)
    assert desk.tracker.trajectory.hold_output
    controls = desk.shown[-1]
    assert (controls.smoothing, controls.rate, controls.freeze) == ("one-euro", 4.0, True)


class TestReload:
    async def test_says_what_changed(self, desk):
        assert desk.send("reload", "now") == "reloaded; changed: tracking.rate"
        desk.changed = ReloadResult(None, (), ())
        assert desk.send("reload", "now") == "reloaded; changed: nothing"

    async def test_says_what_is_wrong(self, desk):
        desk.changed = None
        with pytest.raises(CommandError, match=r"not reloaded: c\.toml: no"):
            desk.send("reload", "now")


class TestCalibrate:
    async def test_listens_then_keeps_uses_and_answers(self, desk):
        assert desk.send("calibrate", 20.0) == "listening for 20 s"
        assert desk.shown[-1].calibrating
        await desk.hear(-33.0, 20)
        [(reply, ack)] = desk.answers
        assert (reply, ack.ok, ack.id) == (REPLY, True, "7")
        assert ack.value == pytest.approx(15, abs=0.5)
        assert desk.tracker.gain.gain_db == ack.value
        assert desk.store.get_valid(ZONE).gain_db == ack.value
        assert (desk.shown[-1].calibrating, desk.shown[-1].gain_db) == (False, ack.value)

    async def test_again_measures_the_sound_as_it_comes_in(self, desk):
        for _ in range(2):
            desk.send("calibrate", 20.0)
            await desk.hear(-33.0, 20)
            assert desk.tracker.gain.gain_db == pytest.approx(15, abs=0.5)

    async def test_a_correction_that_was_measured_by_music_stays(self, desk):
        correction = Correction(arousal=AffineCorrection(offset=0.1))
        before = Calibration.of(
            ZONE, gain_db=7.0, level_dbfs=-25.0, correction=correction, reference=("a.flac",)
        )
        desk.store.put("main", before)
        desk.control.apply(Tracking())
        desk.send("calibrate", 20.0)
        await desk.hear(-33.0, 20)
        after = desk.store.get_valid(ZONE)
        assert (after.correction, after.reference) == (correction, ("a.flac",))
        assert desk.tracker.trajectory.correction == correction

    async def test_silence_is_refused_and_all_stays_as_it_was(self, desk):
        desk.send("calibrate", 20.0)
        await desk.hear(-120.0, 20)
        [(_, ack)] = desk.answers
        assert not ack.ok
        assert "hardly any sound" in ack.reason
        assert desk.store.get_valid(ZONE) is None

    async def test_sound_that_is_lost_ends_it(self, desk, monkeypatch):
        monkeypatch.setattr("streamer.app.controller.PATIENCE", -19.9)
        desk.send("calibrate", 20.0)
        await desk.hear(-33.0, 5)
        assert desk.answers[-1][1].reason == "the audio was lost meanwhile"
        assert desk.send("calibrate", 20.0) == "listening for 20 s"

    async def test_one_at_a_time(self, desk):
        desk.send("calibrate", 20.0)
        with pytest.raises(CommandError, match="listening already"):
            desk.send("calibrate", 20.0)

    async def test_a_zone_that_hears_nothing_cannot(self, desk):
        desk.tracker.status.last_error = "the device is gone"
        with pytest.raises(CommandError, match="has no audio"):
            desk.send("calibrate", 20.0)

    async def test_reset_undoes_it(self, desk):
        desk.send("calibrate", 20.0)
        await desk.hear(-33.0, 20)
        assert desk.send("calibrate", "reset") == "reset"
        assert desk.tracker.gain.gain_db == 0.0
        async with asyncio.timeout(2):
            while desk.store.get_valid(ZONE) is not None:  # noqa: ASYNC110 - a thread writes a file
                await asyncio.sleep(0.01)

    async def test_reset_ends_one_that_listens(self, desk):
        desk.send("calibrate", 20.0)
        desk.send("calibrate", "reset")
        await desk.hear(-33.0, 1)
        assert desk.answers[-1][1].reason == "cancelled by a reset"
        assert desk.tracker.gain.gain_db == 0.0

    async def test_what_was_kept_is_used_at_the_next_start_and_after_a_reload(self, desk):
        desk.store.put("main", Calibration.of(ZONE, gain_db=7.0, level_dbfs=-25.0))
        desk.control.apply(Tracking(rate=5))
        assert desk.tracker.gain.gain_db == 7.0
        assert (desk.shown[-1].gain_db, desk.shown[-1].rate) == (7.0, 5)
