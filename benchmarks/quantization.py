"""What eight-bit weights cost in agreement: the networks of a cross-validation, exported both ways.

Fits that `python -m training evaluate` has kept are taken from its cache. Usage:
python -m benchmarks.quantization [RECIPE]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.progress import track

from deploy.export import export_onnx
from deploy.quantize import quantize
from streamer.engines import KalmanSettings, OnnxEngine
from training.cli import DEFAULT_CACHE, DEFAULT_DATA
from training.datasets import read_data_sets
from training.fitting.recipe import FitRecipe, load_recipe
from training.fitting.sampling import window_ends, windows
from training.judging.crossval import cross_validate
from training.judging.folds import split
from training.judging.predict import AXES, Trajectory, scores
from training.sound.features import Rendition, in_every, open_frames

_FOLDS, _SEED = 5, 0
_EVERY_SECONDS = 2.0
_NO_SMOOTHING = KalmanSettings((1.0, 1.0), 1.0, (1.0, 1.0))


def main(name: str) -> None:
    recipe = load_recipe(FitRecipe, name)
    pieces = read_data_sets(recipe.shares, DEFAULT_DATA)
    paths: dict[str, list[Trajectory]] = {"fp32": [], "int8": []}
    results = cross_validate(recipe, pieces, DEFAULT_CACHE, _FOLDS, [_SEED], jobs=1)
    for result in track(results, description="Comparing"):
        test = split(pieces, result.fold, _FOLDS, _SEED, recipe.datasets).test
        judged = [piece for piece in test if piece.dataset in recipe.datasets]
        heard = open_frames(
            in_every(judged, recipe.renderings[:1]), recipe.front_end, DEFAULT_CACHE
        )
        with tempfile.TemporaryDirectory() as folder:
            whole, small = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
            export_onnx(
                result.network(recipe),
                recipe.front_end,
                whole,
                name="fold",
                smoothing=_NO_SMOOTHING,
                training={},
                metrics={},
            )
            quantize(whole, small)
            for kind, path in (("fp32", whole), ("int8", small)):
                engine = OnnxEngine(path)
                paths[kind] += [_estimate(engine, one) for one in heard]
    print(f"{'':14} {'':8} {'fp32':>7} {'int8':>7} {'lost':>7}   CCC of pieces, seed {_SEED}")
    for dataset in recipe.datasets:
        own = {
            kind: scores([one for one in both if one.piece.dataset == dataset])
            for kind, both in paths.items()
        }
        for axis in AXES:
            before, after = (own[kind][axis]["ccc"] for kind in ("fp32", "int8"))
            print(f"{dataset:14} {axis:8} {before:7.4f} {after:7.4f} {before - after:+7.4f}")


def _estimate(engine: OnnxEngine, rendition: Rendition) -> Trajectory:
    spec = engine.front_end
    ends = window_ends(rendition, _EVERY_SECONDS, spec)
    answers = [
        engine.infer(*(view.numpy() for view in windows(rendition, ends[k : k + 1], spec)))
        for k in range(len(ends))
    ]
    mean = np.array([(one.valence[0], one.arousal[0]) for one in answers], dtype=np.float64)
    std = np.array([(one.valence_std[0], one.arousal_std[0]) for one in answers], dtype=np.float64)
    seconds = ends * spec.hop / spec.sample_rate
    return Trajectory(rendition.piece, rendition.rendering, seconds, mean, std, spec.window_seconds)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["distilled"]))
