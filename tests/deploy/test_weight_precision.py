"""Compare half-precision and eight-bit weights with the shipped ones."""

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from damer.weights import SHIPPED_MODEL
from deploy.__main__ import app
from streamer.engines import OnnxEngine

pytestmark = pytest.mark.long

SHIPPED_INT8 = SHIPPED_MODEL.with_name("damer-int8.onnx")
AXES = ("valence", "arousal", "valence_std", "arousal_std")


@pytest.fixture(scope="module", params=["half", "quantize"])
def command(request):
    return request.param


@pytest.fixture(scope="module")
def converted(command, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / f"{command}.onnx"
    result = CliRunner().invoke(app, [command, "--output", str(path)])
    assert result.exit_code == 0, result.output
    return path


def metadata(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_the_file_is_smaller(command, converted):
    largest = {"half": 0.55, "quantize": 0.4}[command]
    assert converted.stat().st_size < largest * SHIPPED_MODEL.stat().st_size


def test_the_metadata_are_kept(converted):
    assert metadata(SHIPPED_MODEL).items() <= metadata(converted).items()
    ours, shipped = OnnxEngine(converted), OnnxEngine(SHIPPED_MODEL)
    assert (ours.front_end, ours.smoothing) == (shipped.front_end, shipped.smoothing)


def test_estimates_of_music_differ_by_little(command, converted, demo_windows):
    shipped, ours = (OnnxEngine(path).infer(*demo_windows) for path in (SHIPPED_MODEL, converted))
    largest, mean = {"half": (0.004, 0.004), "quantize": (0.03, 0.02)}[command]
    for axis in AXES:
        difference = getattr(ours, axis) - getattr(shipped, axis)
        assert np.abs(difference).max() < largest
        assert np.abs(difference.mean()) < mean


@pytest.mark.parametrize("command", ["half"], indirect=True)
def test_all_weights_are_in_half_precision(converted):
    kinds = {one.data_type for one in onnx.load(converted).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds
    assert onnx.TensorProto.FLOAT not in kinds


@pytest.mark.parametrize("command", ["quantize"], indirect=True)
def test_the_shipped_eight_bit_weights_are_reproduced(converted):
    ours, shipped = (onnx.load(path).graph for path in (converted, SHIPPED_INT8))
    assert [each.raw_data for each in ours.initializer] == [
        each.raw_data for each in shipped.initializer
    ]


def test_missing_weights_are_reported(tmp_path):
    result = CliRunner().invoke(app, ["quantize", str(tmp_path / "none.onnx")])
    assert result.exit_code == 2
    assert "none.onnx" in "".join(line.strip("│ ") for line in result.output.splitlines())
