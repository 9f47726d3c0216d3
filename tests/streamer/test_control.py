"""What commands do to running zones: real trackers, without sound."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from streamer.calibration import Calibration, CalibrationStore
from streamer.config import Tracking, Zone
from streamer.control import Control
from streamer.errors import ConfigError
from streamer.mqtt import Command, CommandError
from streamer.mqtt.commands import Reply
from streamer.reload import Reload
from streamer.tracking.inference import Inference
from streamer.tracking.zone import ZoneTracker

ZONE = Zone(input="mic")
REPLY = Reply(("streamer/test/main/ack/calibrate",), id="7")


class Desk:
    """A control with one zone, and what it said."""

    def __init__(self, engine, workers, folder):
        self.answers, self.shown = [], []
        self.tracker = ZoneTracker(ZONE, Tracking(), Inference(engine, workers), print)
        self.store = CalibrationStore(folder / "calibration.json")
        self.changed = Reload(None, ("tracking.rate",), ())
        self.control = Control(
            {"main": ZONE},
            {"main": self.tracker},
            self.store,
            reload=self.reload,
            answer=lambda reply, ack: self.answers.append((reply, ack)),
            show=lambda zone, controls: self.shown.append(controls),
        )
        self.control.begin(Tracking())

    def reload(self):
        if self.changed is None:
            raise ConfigError("c.toml: no")
        return self.changed

    def send(self, name, value):
        return self.control.execute(Command("main", name, value, REPLY))

    def hear(self, update, level, seconds, start=0.0):
        for tick in range(round(10 * seconds) + 1):
            self.control.hear("main", update(tick, time=start + tick / 10, level=level))


@pytest.fixture
def desk(engine, tmp_path):
    with ThreadPoolExecutor(1) as workers:
        yield Desk(engine, workers, tmp_path)


def test_how_a_zone_is_set_is_shown_from_the_beginning(desk):
    [controls] = desk.shown
    assert (controls.smoothing, controls.rate, controls.freeze) == ("kalman", 10, False)


def test_smoothing_rate_and_freeze_take_effect_and_are_shown(desk):
    assert desk.send("smoothing", "one-euro") == "one-euro"
    assert desk.send("rate", 4.0) == 4.0
    assert desk.send("freeze", value=True) is True
    assert (desk.tracker.tracking.smoother, desk.tracker.tracking.rate) == ("one-euro", 4.0)
    assert desk.tracker.trajectory.frozen
    controls = desk.shown[-1]
    assert (controls.smoothing, controls.rate, controls.freeze) == ("one-euro", 4.0, True)


class TestReload:
    def test_says_what_changed(self, desk):
        assert desk.send("reload", "now") == "tracking.rate"
        desk.changed = Reload(None, (), ())
        assert desk.send("reload", "now") == "nothing changed"

    def test_says_what_is_wrong(self, desk):
        desk.changed = None
        with pytest.raises(CommandError, match=r"stays as it was: c\.toml: no"):
            desk.send("reload", "now")


class TestCalibrate:
    def test_listens_then_keeps_uses_and_answers(self, desk, update):
        assert desk.send("calibrate", 20.0) == "listening for 20 s"
        assert desk.shown[-1].calibrating
        desk.hear(update, -33.0, 20)
        [(reply, ack)] = desk.answers
        assert (reply, ack.ok, ack.value, ack.id) == (REPLY, True, 15.0, "7")
        assert desk.tracker.gain.decibels == 15.0
        assert desk.store.get(ZONE).gain_db == 15.0
        assert (desk.shown[-1].calibrating, desk.shown[-1].gain_db) == (False, 15.0)

    def test_again_measures_the_sound_as_it_comes_in(self, desk, update):
        for _ in range(2):
            desk.send("calibrate", 20.0)
            desk.hear(update, -33.0 + desk.tracker.gain.decibels, 20)
            assert desk.tracker.gain.decibels == 15.0

    def test_silence_is_refused_and_all_stays_as_it_was(self, desk, update):
        desk.send("calibrate", 20.0)
        desk.hear(update, -120.0, 20)
        [(_, ack)] = desk.answers
        assert not ack.ok
        assert "hardly any sound" in ack.reason
        assert desk.store.get(ZONE) is None
        assert not desk.shown[-1].calibrating

    def test_one_at_a_time(self, desk):
        desk.send("calibrate", 20.0)
        with pytest.raises(CommandError, match="listening already"):
            desk.send("calibrate", 20.0)

    def test_a_zone_that_hears_nothing_cannot(self, desk):
        desk.tracker.trouble = "the device is gone"
        with pytest.raises(CommandError, match="hears nothing"):
            desk.send("calibrate", 20.0)

    def test_reset_undoes_it(self, desk, update):
        desk.send("calibrate", 20.0)
        desk.hear(update, -33.0, 20)
        assert desk.send("calibrate", "reset") == "reset"
        assert desk.tracker.gain.decibels == 0.0
        assert desk.store.get(ZONE) is None

    def test_what_was_kept_is_used_at_the_next_start_and_after_a_reload(self, desk):
        desk.store.put("main", Calibration.of(ZONE, gain_db=7.0, level_dbfs=-25.0))
        desk.control.begin(Tracking(rate=5))
        assert desk.tracker.gain.decibels == 7.0
        assert (desk.shown[-1].gain_db, desk.shown[-1].rate) == (7.0, 5)
