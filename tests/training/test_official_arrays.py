"""Fit, evaluate and export the official arrays of Memo2496 and related sets."""

import json

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from deploy.__main__ import app as deploy
from streamer.engines import OnnxEngine
from streamer.errors import EngineError
from training.cli import app as training
from training.datasets import read_data_sets

pytestmark = [
    pytest.mark.train,
    pytest.mark.long,
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's exporter
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

TRACKS, SEGMENTS = 12, 4


@pytest.fixture(params=[("memo2496", "memo", 87), ("memo2496-pmemo", "data_PMEmo", 44)])
def official(request, tmp_path):
    """Write arrays whose level is the arousal, with a short recipe for the set."""
    name, folder, frames = request.param
    random = np.random.default_rng(0)
    low = 0.0 if name.endswith("pmemo") else -1.0
    root = tmp_path / "data/memo2496" / folder
    (root / "labels").mkdir(parents=True)
    labels = random.uniform(low, 1.0, (TRACKS, 2)).repeat(SEGMENTS, axis=0).astype(np.float32)
    level = labels[:, 1, None, None]
    noise = random.standard_normal((2, TRACKS * SEGMENTS, 128, frames)).astype(np.float32)
    np.save(root / "mel_spec.npy", noise[0] + level)
    np.save(root / "cochlegram.npy", np.abs(noise[1, :, :84] + level))
    np.save(root / "labels/label_v.npy", labels[:, 0])
    np.save(root / "labels/label_a.npy", labels[:, 1])
    recipe = tmp_path / "arrays.toml"
    recipe.write_text(
        f"""
window_frames = {frames}
origin = "external"
steps = 4
batch = 8
warmup = 1
check_every = 2
[datasets]
"{name}" = 1.0
[augmentation]
gain_db = 0.0
equaliser_db = 0.0
mask_frames = 4
[network]
width = 8
heads = 2
""",
        encoding="utf-8",
    )
    return name, frames, tmp_path


def run(app, *arguments):
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_arrays_are_fitted_evaluated_and_exported(official):
    name, frames, folder = official
    options = ("--recipe", folder / "arrays.toml", "--data", folder / "data")
    options += ("--cache", folder / "cache")
    run(training, "fit", *options, "--run-dir", folder / "run")
    run(
        *(training, "evaluate", *options, "--output", folder / "report.html"),
        *("--folds", 2, "--seeds", 1, "--jobs", 1),
    )
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    table = report["scores"][name]
    assert len(table["pieces"]) == TRACKS * SEGMENTS
    assert set(table["ladder"]) == {"mean", "Mel statistics + SVR"}
    assert table["ladder"]["Mel statistics + SVR"]["arousal"]["ccc"] > 0.5
    assert "<svg" in (folder / "report.html").read_text(encoding="utf-8")
    run(
        *(deploy, "export", folder / "run/model.pt", folder / "report.json"),
        *("--output", folder / "arrays.onnx"),
    )
    model = onnx.load(folder / "arrays.onnx")
    shapes = [
        [one.dim_value for one in view.type.tensor_type.shape.dim] for view in model.graph.input
    ]
    assert [shape[1:] for shape in shapes] == [[128, frames], [84, frames]]
    with pytest.raises(EngineError, match="origin is external"):
        OnnxEngine(folder / "arrays.onnx")


def test_segments_of_a_track_are_one_group(official):
    name, _, folder = official
    pieces = read_data_sets([name], [folder / "data"])
    assert len({piece.group for piece in pieces}) == TRACKS
    assert all(np.abs(piece.mean_label).max() <= 1.0 for piece in pieces)
