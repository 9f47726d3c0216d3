"""Checks of lights, recording and calibrations."""

import pytest

from streamer.config import Config
from streamer.doctor.outputs_check import check_outputs
from streamer.outputs.lights import example_text
from streamer.tracking.calibration import Calibration, CalibrationStore

MIC = {"input": "mic", "device": "desk"}


def findings(**tables):
    found = list(check_outputs(Config.model_validate(tables)))
    return {finding.subject: finding for finding in found}


@pytest.fixture(autouse=True)
def _isolated(away):
    """Hide configuration and state of this machine."""


def test_without_outputs_there_are_no_findings():
    assert findings() == {}


class TestLights:
    def test_a_valid_show_is_summarized(self, tmp_path):
        (tmp_path / "show.toml").write_text(example_text())
        found = findings(lights={"show": "show.toml"})["lights"]
        assert (found.level, found.advice) == ("ok", "")
        assert found.seen == "show.toml: zone main, 4 fixtures, outputs stage, visuals"

    def test_an_invalid_show_fails_with_advice(self, tmp_path):
        (tmp_path / "show.toml").write_text(example_text().replace('"rgbw"', '"rgbww"'))
        found = findings(lights={"show": "show.toml"})["lights"]
        assert (found.level, found.advice) == ("fail", 'did you mean "rgbw"?')


class TestRecording:
    def test_free_space_is_reported(self, tmp_path):
        found = findings(record={"folder": "a/b", "free_gb": 0})["recording"]
        assert found.level == "ok"
        assert not (tmp_path / "a").exists()

    def test_a_full_disk_is_a_warning(self):
        found = findings(record={"folder": "a", "free_gb": 1e6})["recording"]
        assert found.level == "warn"
        assert "recording will pause" in found.seen

    def test_a_path_that_is_not_a_folder_fails(self, tmp_path):
        (tmp_path / "file").touch()
        assert findings(record={"folder": "file/rec"})["recording"].level == "fail"


class TestCalibration:
    @pytest.fixture
    def store(self, tmp_path):
        return CalibrationStore(tmp_path / "c.json")

    def finding(self, **zone):
        return findings(zones=[zone], tracking={"calibration": "c.json"}).get("calibration")

    def test_a_valid_calibration_is_reported(self, store):
        [zone] = Config.model_validate({"zones": [MIC]}).zones
        store.put("main", Calibration.of(zone, gain_db=3.0, level_dbfs=-21.0))
        assert self.finding(**MIC).seen.startswith("main: gain +3.0 dB, measured 20")
        other = self.finding(input="mic", device="other")
        assert other.level == "warn"
        assert "another input (mic desk)" in other.seen

    def test_a_damaged_file_fails(self, store):
        store.file.write_text("{")
        found = self.finding(**MIC)
        assert found.level == "fail"
        assert found.advice == "delete the file and calibrate again"
