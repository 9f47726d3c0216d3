"""Accuracy of VibeNet for valence and arousal, on the folds of our own evaluation.

The other contestants' accuracy comes from `python -m training evaluate`, in training/results.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.peers.contest import VIBENET
from benchmarks.peers.environment import ROOT, python_of
from training.datasets import Piece, read_data_sets
from training.metrics import agreement
from training.options import DEFAULT_DATA
from training.sound.render import Rendering, load_audio
from training.splits import fold_of_each

_FOLDS = 5
_ALPHAS = np.logspace(-2, 4, 13)
_VIBENET_NAMES = {"valence": "valence", "arousal": "energy"}


def measure_accuracy() -> dict[str, Any]:
    """Evaluate VibeNet on the recordings of musemodataset.

    Returns
    -------
    dict
        `r_as_it_is`: correlation of its valence with valence, of its energy with arousal; `ccc`:
        of a ridge regression on all seven attributes, fitted to the other four folds. Or
        `missing` with the reason.
    """
    try:
        pieces = read_data_sets(["musemodataset"], DEFAULT_DATA)
        python = python_of(VIBENET.module, VIBENET.packages)
    except (ValueError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        return {"missing": str(error)}
    try:
        attributes = _run_vibenet(python, pieces)
    except subprocess.CalledProcessError as error:
        return {"missing": str(error)}
    features = np.array([list(one.values()) for one in attributes])
    labels = np.array([piece.mean_label for piece in pieces])
    folds = fold_of_each(pieces, _FOLDS)
    fold = np.array([folds[piece.dataset, piece.group] for piece in pieces])
    estimates = _cross_validate(features, labels, fold)
    found: dict[str, Any] = {"pieces": len(pieces), "r_as_it_is": {}, "ccc": {}}
    for column, (axis, word) in enumerate(_VIBENET_NAMES.items()):
        values = np.array([one[word] for one in attributes])
        found["r_as_it_is"][axis] = float(np.corrcoef(values, labels[:, column])[0, 1])
        found["ccc"][axis] = agreement(estimates[:, column], labels[:, column]).ccc
    return found


def _run_vibenet(python: Path, pieces: list[Piece]) -> list[dict[str, float]]:
    """Return VibeNet's seven attributes of each piece."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "recordings.npz")
        recordings: dict[str, Any] = {
            str(k): load_audio(piece, Rendering(), 16000) for k, piece in enumerate(pieces)
        }
        np.savez(path, **recordings)
        done = subprocess.run(
            [python, "-m", "benchmarks.peers.vibenet_labels", path],
            cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    attributes: list[dict[str, float]] = json.loads(done.stdout)
    return attributes


def _cross_validate(
    features: NDArray[np.float64], labels: NDArray[np.float64], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    predictions = np.empty_like(labels)
    for k in range(_FOLDS):
        model = make_pipeline(StandardScaler(), RidgeCV(_ALPHAS))
        predictions[fold == k] = model.fit(features[fold != k], labels[fold != k]).predict(
            features[fold == k]
        )
    return predictions


def show_accuracy(found: dict[str, Any]) -> None:
    """Print the measurement."""
    if "missing" in found:
        print(f"VibeNet's accuracy is missing: {found['missing']}")
        return
    print(f"VibeNet on {found['pieces']} recordings of musemodataset: valence, arousal")
    for name in ("r_as_it_is", "ccc"):
        print(f"  {name:12} {found[name]['valence']:6.3f} {found[name]['arousal']:6.3f}")
