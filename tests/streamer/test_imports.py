import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.long

HEAVY = ["torch", "sounddevice", "tensorrt", "tensorrt_rtx", "librosa", "sklearn", "onnx"]


@pytest.mark.parametrize(
    "module", ["streamer", "streamer.cli", "streamer.app.runtime", "streamer.batch.analysis"]
)
def test_importing_it_loads_no_torch_no_portaudio_and_no_gpu_library(module, tmp_path):
    program = f"import json, sys, {module}; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path))
    assert module in loaded
    assert set(loaded).isdisjoint(HEAVY)
    assert not any(name.startswith(("training", "deploy", "damer.nn")) for name in loaded)


def test_help_and_mistakes_are_answered_before_the_engine_is_loaded(tmp_path):
    program = "import json, sys, streamer.cli; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path))
    assert set(loaded).isdisjoint({"numba", "onnxruntime", "av", "scipy"})


def test_the_names_that_packages_export():
    import streamer.audio
    import streamer.config
    import streamer.engines
    import streamer.mqtt
    import streamer.tracking

    assert streamer.__version__
    assert set(streamer.tracking.__all__) == {"MAX_ESTIMATE_AGE_S", "Affect", "Update"}
    assert set(streamer.audio.__all__) == {
        "ZONE_RATE", "AudioFile", "Block", "Decoder", "Resampler", "Samples", "Source",
        "is_recoverable", "open_audio_file", "open_source", "pin_device", "zone_sample",
    }  # fmt: skip
    assert set(streamer.engines.__all__) == {
        "Engine", "Estimate", "KalmanSettings", "OnnxEngine", "FailoverEngine", "open_engine",
    }  # fmt: skip
    for package in (
        streamer.audio, streamer.config, streamer.engines, streamer.mqtt, streamer.tracking,
    ):  # fmt: skip
        assert all(hasattr(package, name) for name in package.__all__)
