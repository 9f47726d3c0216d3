"""Eight-bit weights answer as the whole ones do, and say where they come from."""

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from damer.weights import SHIPPED_MODEL
from deploy.__main__ import app
from streamer.engines import OnnxEngine

SHIPPED_INT8 = SHIPPED_MODEL.with_name("damer-int8.onnx")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small.onnx"
    result = CliRunner().invoke(app, ["quantize", "--output", str(path)])
    assert result.exit_code == 0, result.output
    return path


def unboxed(output):
    """Return a message without the frame around it and its line breaks."""
    return "".join(line.strip("│ ") for line in output.splitlines())


def test_the_shipped_ones_are_what_the_command_writes(small):
    ours, shipped = (onnx.load(path).graph for path in (small, SHIPPED_INT8))
    assert [each.raw_data for each in ours.initializer] == [
        each.raw_data for each in shipped.initializer
    ]


def test_the_file_is_a_third_of_the_size(small):
    assert small.stat().st_size < 0.4 * SHIPPED_MODEL.stat().st_size


def test_the_metadata_are_the_same(small):
    whole, ours = (
        {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        for path in (SHIPPED_MODEL, small)
    )
    assert whole.items() <= ours.items()
    assert OnnxEngine(small).smoothing == OnnxEngine(SHIPPED_MODEL).smoothing


def test_music_has_nearly_the_same_answers(small, demo_windows):
    whole, ours = (OnnxEngine(path).infer(*demo_windows) for path in (SHIPPED_MODEL, small))
    for axis in ("valence", "arousal", "valence_std", "arousal_std"):
        before, after = getattr(whole, axis), getattr(ours, axis)
        assert np.abs(after - before).max() < 0.03
        assert np.abs((after - before).mean()) < 0.02


def test_missing_weights_are_named(tmp_path):
    result = CliRunner().invoke(app, ["quantize", str(tmp_path / "none.onnx")])
    assert result.exit_code == 2
    assert "none.onnx" in unboxed(result.output)
