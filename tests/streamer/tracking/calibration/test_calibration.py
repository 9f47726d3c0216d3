"""Calibration by level and by reference files, and its file."""

import itertools
import logging
import wave
from pathlib import Path

import numpy as np
import pytest

from streamer.audio import Block, open_audio_file
from streamer.config import Tracking, Zone
from streamer.demo import PIECE
from streamer.errors import StreamerError
from streamer.tracking.calibration import (
    Calibration,
    CalibrationStore,
    calibrate_by_level,
    default_calibration_path,
)
from streamer.tracking.calibration.reference import calibrate_by_reference, track_blocks
from streamer.tracking.trajectory import AffineCorrection, Correction
from tests.support.room import add_room

pytestmark = pytest.mark.long

MIC = Zone(input="mic", device="scarlett", channels=(3, 4))


def calibration(zone=MIC, **found):
    return Calibration.of(zone, **{"gain_db": 3.0, "level_dbfs": -21.0, **found})


class TestLevel:
    def test_the_gain_brings_the_loud_tenth_to_the_reference(self):
        found = calibrate_by_level(MIC, [-60.0] * 300 + [-40.0] * 500 + [-33.0] * 200)
        assert (found.level_dbfs, found.gain_db) == (-33.0, 15.0)

    def test_silence_does_not_count(self):
        assert calibrate_by_level(MIC, [-120.0] * 5000 + [-20.0] * 100).gain_db == 2.0

    def test_loud_music_gets_a_negative_gain(self):
        assert calibrate_by_level(MIC, [0.0] * 100).gain_db == -18.0

    @pytest.mark.parametrize(
        ("levels", "message"),
        [
            ([], "hardly any audio"),
            ([-120.0] * 1000, "hardly any audio"),
            ([-70.0] * 1000, "at -70 dBFS needs a gain of 52 dB, and the largest is 30"),
        ],
    )
    def test_audio_that_cannot_be_measured_is_an_error(self, levels, message):
        with pytest.raises(StreamerError, match=message):
            calibrate_by_level(MIC, levels)


class TestStore:
    def test_a_stored_calibration_is_found_by_zone(self, tmp_path):
        store = CalibrationStore(tmp_path / "deep" / "calibration.json")
        correction = Correction(arousal=AffineCorrection(offset=0.1, scale=1.2))
        main, bar = calibration(correction=correction), calibration(gain_db=-2.0)
        store.put("main", main)
        store.put("bar", bar)
        again = CalibrationStore(store.file)
        assert again.get(MIC) == main
        assert again.get(MIC.model_copy(update={"id": "bar"})) == bar
        again.put("main", None)
        assert store.get_valid(MIC) is None
        assert [file.name for file in store.file.parent.iterdir()] == ["calibration.json"]

    @pytest.mark.parametrize(
        "other", [{"input": "demo"}, {"device": "other"}, {"channels": (1,)}], ids=str
    )
    def test_it_is_not_valid_for_another_input(self, tmp_path, caplog, other):
        caplog.set_level(logging.INFO)
        store = CalibrationStore(tmp_path / "c.json")
        store.put("main", calibration())
        assert store.get_valid(MIC.model_copy(update=other)) is None
        assert "made for another input (mic scarlett) and is not used" in caplog.text

    def test_no_password_of_a_url_is_stored(self, tmp_path):
        zone = Zone(input="https://user:canary@radio.example/live?key=canary")
        store = CalibrationStore(tmp_path / "c.json")
        store.put("main", calibration(zone))
        assert "canary" not in store.file.read_text()
        assert store.get_valid(zone) is not None

    @pytest.mark.parametrize(
        "content", [b"", b"{", b"[]", b'{"main": 3}', b"\xff\x00", b'{"main": {"gain_db": 99}}']
    )
    def test_a_damaged_file_is_reported_and_not_overwritten(self, tmp_path, caplog, content):
        store = CalibrationStore(tmp_path / "c.json")
        store.file.write_bytes(content)
        assert store.get_valid(MIC) is None
        assert "it is damaged; delete the file and calibrate again" in caplog.text
        with pytest.raises(StreamerError, match="damaged"):
            store.put("main", calibration())
        assert store.file.read_bytes() == content

    def test_an_endless_file_is_refused(self):
        with pytest.raises(StreamerError, match=r"cannot read .*: it is too large"):
            CalibrationStore(Path("/dev/zero")).get(MIC)

    def test_an_unwritable_path_is_an_error(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(StreamerError, match=r"cannot (store|read) the calibration"):
            CalibrationStore(tmp_path / "file" / "c.json").put("main", calibration())

    def test_the_default_path(self, tmp_path):
        name = "calibration.json"
        assert (
            default_calibration_path({"STATE_DIRECTORY": "/a:/b", "HOME": "/h"}).as_posix()
            == f"/a/{name}"
        )
        xdg = default_calibration_path({"XDG_STATE_HOME": "/x", "HOME": "/h"})
        assert xdg.as_posix() == f"/x/streamer/{name}"
        home = default_calibration_path({"XDG_STATE_HOME": "relative", "HOME": "/h"})
        assert home.as_posix() == f"/h/.local/state/streamer/{name}"


def cut(sound, rate):
    size = rate // 10
    return [Block(sound[at : at + size], at, at / rate) for at in range(0, len(sound), size)]


@pytest.fixture(scope="module")
def demo(engine, tmp_path_factory):
    """Half of the piece as a file, its samples and rate, and what is estimated of it."""
    with open_audio_file(PIECE, ()) as sound:
        rate = sound.rate
        blocks = itertools.islice(sound.blocks(rate), 42)
        samples = np.concatenate([block.samples for block in blocks])
    clip = tmp_path_factory.mktemp("clips") / "half.wav"
    with wave.open(str(clip), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return clip, samples, rate, track_blocks(cut(samples, rate), rate, engine, Tracking())


class TestReference:
    def test_a_quiet_recording_in_a_room_matches_the_file_after_calibration(self, demo, engine):
        clip, samples, rate, alone = demo
        recording = cut(add_room(samples, rate, decay=1.2, gain_db=-15), rate)
        found, distance = calibrate_by_reference(MIC, recording, rate, [clip], engine, Tracking())
        assert found.gain_db == pytest.approx(15 - 3, abs=2)  # the room adds about 3 dB
        again = track_blocks(recording, rate, engine, Tracking(), found.gain_db)
        arousal = np.array([found.correction.arousal(value) for value in again.affect[:, 1]])
        delay = 40  # ticks of quiet before the music
        count = len(alone.affect) - 30
        away = np.abs(arousal[delay + 30 : delay + 30 + count] - alone.affect[30:, 1])
        assert away.mean() < 0.1
        assert distance.after[1] == pytest.approx(away.mean(), abs=0.02)
        assert distance.after[1] < distance.before[1]

    def test_music_that_was_not_played_is_an_error(self, demo, engine):
        clip, _, rate, _ = demo
        noise = np.random.default_rng(0).normal(0, 0.05, 30 * rate).astype(np.float32)
        with pytest.raises(StreamerError, match=r"half\.wav was not found in the recording"):
            calibrate_by_reference(MIC, cut(noise, rate), rate, [clip], engine, Tracking())
