"""Cost and accuracy of eight-bit and half-precision weights.

The networks of a cross-validation are exported in each precision: those of `python -m training
evaluate --recipe distilled --change "saml={}"`, of the shipped size. Cached fits are used; without
them fitting takes an hour.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from deploy.export import export_onnx
from deploy.weight_precision import convert_to_half, quantize_to_int8
from streamer.engines import KalmanSettings, OnnxEngine
from training.datasets import AXES, read_data_sets
from training.evaluation.cross_validation import cross_validate
from training.fitting.recipe import FitRecipe
from training.fitting.recipe_files import load_recipe, with_overrides
from training.metrics import bootstrap_interval, mean_ccc
from training.options import DEFAULT_CACHE, DEFAULT_DATA
from training.predict import Trajectory, piece_means
from training.sound.feature_cache import load_renditions
from training.sound.renditions import Rendition, all_renderings, cut_windows, window_ends
from training.splits import split

_RECIPE, _CHANGE = "distilled", "saml={}"
_FOLDS, _SEED = 5, 0
_EVERY_SECONDS = 2.0
_NO_SMOOTHING = KalmanSettings((1.0, 1.0), 1.0, (1.0, 1.0))
_SMALLER: dict[str, Callable[[Path, Path], None]] = {
    "int8": quantize_to_int8,
    "fp16": convert_to_half,
}


def measure_precision() -> dict[str, Any]:
    """Evaluate each precision on the folds of seed 0, each piece by networks not trained on it.

    Returns
    -------
    dict
        By precision: `ms`, the median CPU time of a window on ONNX Runtime; by data set and axis
        the `ccc` over pieces, and for the smaller ones `change` with its 95 % `interval`.
    """
    recipe = with_overrides(load_recipe(FitRecipe, _RECIPE), _CHANGE)
    pieces = read_data_sets(recipe.batch_shares, DEFAULT_DATA)
    paths: dict[str, list[Trajectory]] = {"fp32": [], **{kind: [] for kind in _SMALLER}}
    times: dict[str, list[float]] = {kind: [] for kind in paths}
    results = cross_validate(recipe, pieces, DEFAULT_CACHE, _FOLDS, [_SEED], jobs=1)
    for result in track(results, description="Precision"):
        test = split(pieces, result.fold, _FOLDS, _SEED, recipe.datasets).test
        evaluated = [piece for piece in test if piece.dataset in recipe.datasets]
        renditions = load_renditions(
            all_renderings(evaluated, recipe.renderings[:1]), recipe.front_end, DEFAULT_CACHE
        )
        with tempfile.TemporaryDirectory() as folder:
            full_precision = Path(folder, "fp32.onnx")
            export_onnx(
                result.network(recipe), recipe.front_end, full_precision,
                name="fold", smoothing=_NO_SMOOTHING, training={}, metrics={},
            )  # fmt: skip
            for kind, path in paths.items():
                file = Path(folder, f"{kind}.onnx")
                if kind in _SMALLER:
                    _SMALLER[kind](full_precision, file)
                engine = OnnxEngine(file)
                path += [_estimate(engine, one, times[kind]) for one in renditions]
    found: dict[str, Any] = {}
    for kind, path in paths.items():
        found[kind] = {"ms": float(np.median(times[kind]))}
        for dataset in recipe.datasets:
            own = [one for one in path if one.piece.dataset == dataset]
            before = [one for one in paths["fp32"] if one.piece.dataset == dataset]
            found[kind][dataset] = _change(before, own)
    return found


def _estimate(engine: OnnxEngine, rendition: Rendition, times: list[float]) -> Trajectory:
    spec = engine.front_end
    ends = window_ends(rendition, _EVERY_SECONDS, spec)
    estimates = []
    for k in range(len(ends)):
        views = [view.numpy() for view in cut_windows(rendition, ends[k : k + 1], spec)]
        started = time.process_time()
        estimates.append(engine.infer(*views))
        times.append(1e3 * (time.process_time() - started))
    mean = np.array([(one.valence[0], one.arousal[0]) for one in estimates], dtype=np.float64)
    std = np.array(
        [(one.valence_std[0], one.arousal_std[0]) for one in estimates], dtype=np.float64
    )
    seconds = ends * spec.hop / spec.sample_rate
    return Trajectory(rendition.piece, rendition.rendering, seconds, mean, std, spec.window_seconds)


def _change(before: list[Trajectory], after: list[Trajectory]) -> dict[str, Any]:
    old, labels = piece_means(before)
    new, _ = piece_means(after)
    everything = np.arange(len(labels))
    found = {}
    for axis, name in enumerate(AXES):

        def change(rows: NDArray[np.int64], axis: int = axis) -> float:
            return mean_ccc([new], labels, axis, rows) - mean_ccc([old], labels, axis, rows)

        found[name] = {
            "ccc": mean_ccc([new], labels, axis, everything),
            "change": change(everything),
            "interval": bootstrap_interval(change, [str(k) for k in everything]),
        }
    return found


def show_precision(found: dict[str, Any]) -> None:
    """Print the results."""
    for kind, one in found.items():
        print(f"{kind}: {one['ms']:.2f} ms a window")
        for dataset, axes in one.items():
            if dataset == "ms":
                continue
            for axis, numbers in axes.items():
                low, high = numbers["interval"]
                print(
                    f"  {dataset:14} {axis:8} CCC {numbers['ccc']:.4f}, "
                    f"{numbers['change']:+.4f} ({low:+.4f} to {high:+.4f})"
                )
