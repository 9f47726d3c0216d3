"""Weights in half precision answer as the whole ones do."""

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from damer.weights import SHIPPED_MODEL
from deploy.__main__ import app
from streamer.engines import OnnxEngine


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "half.onnx"
    result = CliRunner().invoke(app, ["half", "--output", str(path)])
    assert result.exit_code == 0, result.output
    return path


def test_its_weights_are_half(half):
    kinds = {one.data_type for one in onnx.load(half).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds
    assert onnx.TensorProto.FLOAT not in kinds
    assert half.stat().st_size < 0.55 * SHIPPED_MODEL.stat().st_size


def test_music_has_nearly_the_same_answers(half, demo_windows):
    whole, ours = (OnnxEngine(path).infer(*demo_windows) for path in (SHIPPED_MODEL, half))
    for axis in ("valence", "arousal", "valence_std", "arousal_std"):
        assert np.abs(getattr(ours, axis) - getattr(whole, axis)).max() < 0.004


def test_the_metadata_are_the_same(half):
    ours, whole = OnnxEngine(half), OnnxEngine(SHIPPED_MODEL)
    assert (ours.front_end, ours.smoothing) == (whole.front_end, whole.smoothing)
