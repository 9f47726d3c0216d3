"""Agreement metrics of predictions with labels, and bootstrap intervals."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import f1_score, roc_auc_score


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of predictions with labels on one axis.

    Attributes
    ----------
    ccc
        Lin's concordance correlation coefficient (Biometrics 45, 1989).
    r2
        Share of variance explained; below 0 is worse than the labels' mean.
    rmse
        Root mean squared error.
    r
        Pearson correlation.
    """

    ccc: float
    r2: float
    rmse: float
    r: float

    def as_dict(self) -> dict[str, float]:
        """Metrics by name."""
        return asdict(self)


def agreement(predictions: ArrayLike, labels: ArrayLike) -> Agreement:
    """Compare predictions with labels, (n,) each, n at least 2."""
    x, y = np.asarray(predictions, dtype=float), np.asarray(labels, dtype=float)
    error = np.mean((x - y) ** 2)
    covariance = np.mean((x - x.mean()) * (y - y.mean()))
    total = x.var() + y.var()
    denominator = total + (x.mean() - y.mean()) ** 2
    scale = np.sqrt(x.var() * y.var())
    return Agreement(
        ccc=float(2 * covariance / denominator) if denominator > 0 else 0.0,
        r2=float(1 - error / y.var()) if y.var() > 1e-24 else 0.0,
        rmse=float(np.sqrt(error)),
        r=float(covariance / scale) if scale > 1e-12 else 0.0,
    )


def classification(predictions: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """Score the sign of predictions, (n,), against that of labels, (n,).

    Returns
    -------
    dict
        `accuracy`; `macro_f1`, the mean F1 of both classes; `auc`, the area under the ROC curve,
        NaN with one class; `majority`, the share of the larger class, which a constant scores.
    """
    x, y = np.asarray(predictions, dtype=float), np.asarray(labels, dtype=float) > 0
    share = float(y.mean())
    return {
        "accuracy": float(np.mean((x > 0) == y)),
        "macro_f1": float(f1_score(y, x > 0, average="macro", zero_division=0.0)),
        "auc": float(roc_auc_score(y, x)) if 0 < share < 1 else float("nan"),
        "majority": max(share, 1 - share),
    }


def quadrant_accuracy(
    predictions: NDArray[np.float64], labels: NDArray[np.float64]
) -> dict[str, float]:
    """Score the quadrant of valence and arousal, (n, 2): accuracy, share of the largest class."""
    ours, theirs = ((points > 0) @ np.array([2, 1]) for points in (predictions, labels))
    return {
        "accuracy": float(np.mean(ours == theirs)),
        "majority": float(np.bincount(theirs).max() / len(theirs)),
    }


def within_piece(
    pairs: list[tuple[NDArray[np.float64], NDArray[np.float64]]], measure: Literal["r", "ccc"]
) -> float:
    """Mean agreement of trajectory and labels within pieces with time-varying labels.

    A pooled coefficient mostly measures which piece it is; this one measures changes over time. NaN
    without such pieces.
    """
    values = [
        agreement(predictions, labels).as_dict()[measure]
        for predictions, labels in pairs
        if len(labels) > 2 and np.std(labels) > 1e-6
    ]
    return float(np.mean(values)) if values else float("nan")


def mean_ccc(
    predictions: Sequence[NDArray[np.float64]],
    labels: NDArray[np.float64],
    axis: int,
    rows: NDArray[np.int64],
) -> float:
    """Mean CCC over several sets of predictions, (n, 2) each, of some rows on one axis."""
    return float(
        np.mean([agreement(one[rows, axis], labels[rows, axis]).ccc for one in predictions])
    )


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    groups: Sequence[str],
    *,
    rounds: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a statistic over resampled groups.

    Parameters
    ----------
    statistic
        Function of row indices; a row may occur more than once.
    groups
        Group of each row. Pass piece names for an interval over pieces.
    rounds, seed
        Number of resamples, and their seed.
    """
    members = [np.flatnonzero(np.asarray(groups) == name) for name in sorted(set(groups))]
    random = np.random.default_rng(seed)
    draws = random.integers(len(members), size=(rounds, len(members)))
    values = [statistic(np.concatenate([members[k] for k in draw])) for draw in draws]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
