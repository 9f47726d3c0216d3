"""`streamer doctor` on working and faulty set-ups."""

import json

import pytest

from damer.weights import SHIPPED_MODEL
from streamer.doctor.outputs_check import cache_folders

pytestmark = pytest.mark.peer


def findings(answer):
    return {each["subject"]: each for each in json.loads(answer.out)}


@pytest.fixture(scope="module")
def song(tmp_path_factory, music, write_wav):
    return write_wav(tmp_path_factory.mktemp("song") / "song.wav", music(3, 44100), 44100)


class TestHealth:
    def test_without_failures_the_exit_code_is_0(self, streamer, broker, song):
        answer = streamer("doctor", "--input", song, "--broker", broker.address, "--json")
        found = findings(answer)
        assert answer.code == 0, answer.out
        assert not [each for each in found.values() if each["level"] == "fail"]
        assert "dBFS" in found["zone main"]["seen"]
        assert found["engine"]["seen"].startswith("ONNX Runtime")
        assert "CC BY-NC-SA 4.0" in found["licence"]["seen"]
        assert "% of a core" in found["speed"]["seen"]

    def test_the_text_output_has_a_line_per_finding(self, streamer, broker, song):
        answer = streamer("doctor", "-i", song, "--broker", broker.address)
        assert "ok   engine           ONNX Runtime" in answer.out
        assert "\x1b" not in answer.out


class TestSound:
    def test_each_device_is_listed_with_its_level(self, streamer, stage, broker):
        answer = streamer(
            "doctor", "--input", "mic", "--device", "alpha", "--broker", broker.address, "--json"
        )
        found = findings(answer)
        assert answer.code == 0, answer.out
        [alpha] = [each for each in found.values() if each["seen"].startswith("alpha, ALSA, chan")]
        assert (alpha["level"], alpha["subject"][:7]) == ("ok", "device ")
        assert "dBFS" in alpha["seen"]
        unheard = [each for each in found.values() if "virtual_sink" in each["seen"]]
        assert [each["level"] for each in unheard] == ["warn"]
        assert unheard[0]["advice"]

    def test_a_silent_file_is_a_warning(self, streamer, broker, music, write_wav, away):
        song = write_wav(away / "silence.wav", 0 * music(2, 44100), 44100)
        answer = streamer("doctor", "--input", song, "--broker", broker.address, "--json")
        assert answer.code == 0
        found = findings(answer)["zone main"]
        assert found["level"] == "warn"
        assert "zeros" in found["seen"]

    def test_a_missing_file_fails_with_advice(self, streamer, broker):
        answer = streamer("doctor", "--input", "gone.wav", "--broker", broker.address, "--json")
        assert answer.code == 1
        found = findings(answer)["zone main"]
        assert found["level"] == "fail"
        assert found["seen"] == "cannot open gone.wav: it does not exist"
        assert found["advice"].startswith("give")


class TestConfiguration:
    def test_an_invalid_file_is_the_only_finding(self, streamer, away):
        (away / "config.toml").write_text("[mqtt]\nbrokr = 'x'\n")
        answer = streamer("doctor")
        assert answer.code == 1
        assert answer.out.startswith("fail configuration")
        assert 'did you mean "broker"?' in answer.out


class TestWeights:
    def test_missing_weights_fail(self, streamer, broker, away):
        answer = streamer(
            "doctor", "--model", "gone.onnx", "--broker", broker.address, "--input", "demo"
        )
        assert answer.code == 1
        assert "fail engine" in answer.out
        assert "no weights at gone.onnx" in answer.out

    @pytest.mark.usefixtures("without_gpu")
    def test_a_gpu_that_is_required_and_missing_fails(self, streamer, broker):
        answer = streamer("doctor", "--require", "gpu", "--broker", broker.address, "-i", "demo")
        assert answer.code == 1
        assert "fail engine" in answer.out
        assert "no NVIDIA GPU" in answer.out

    def test_damaged_weights_fail(self, streamer, broker, away):
        (away / "cut.onnx").write_bytes(SHIPPED_MODEL.read_bytes()[:1000])
        answer = streamer("doctor", "--model", "cut.onnx", "--broker", broker.address)
        assert answer.code == 1
        assert "not an ONNX model" in answer.out


def test_the_cache_folder_follows_the_environment(tmp_path):
    assert cache_folders({"NUMBA_CACHE_DIR": str(tmp_path)}) == [tmp_path]
    assert cache_folders({"HOME": "/home/x"})[-1].parts[-2:] == (".cache", "numba")
