"""How well estimates follow labels."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of estimates with labels on one axis.

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
        """Plain numbers by name."""
        return asdict(self)


def agreement(estimates: ArrayLike, labels: ArrayLike) -> Agreement:
    """Compare estimates with labels, each of shape (n,), n at least 2."""
    x, y = np.asarray(estimates, dtype=float), np.asarray(labels, dtype=float)
    error = np.mean((x - y) ** 2)
    covariance = np.mean((x - x.mean()) * (y - y.mean()))
    total = x.var() + y.var()
    concordance_floor = total + (x.mean() - y.mean()) ** 2
    scale = np.sqrt(x.var() * y.var())
    return Agreement(
        ccc=float(2 * covariance / concordance_floor) if concordance_floor > 0 else 0.0,
        r2=float(1 - error / y.var()) if y.var() > 0 else 0.0,
        rmse=float(np.sqrt(error)),
        r=float(covariance / scale) if scale > 1e-12 else 0.0,
    )


def within_piece_r(pairs: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> float:
    """Mean Pearson r of each piece's trajectory with its labels; pieces with constant labels out.

    A pooled coefficient mostly says which piece it is; this one says when.
    """
    values = [
        agreement(estimates, labels).r
        for estimates, labels in pairs
        if len(labels) > 2 and np.std(labels) > 1e-6
    ]
    return float(np.mean(values)) if values else float("nan")


def mean_ccc(
    estimates: Sequence[NDArray[np.float64]],
    labels: NDArray[np.float64],
    axis: int,
    rows: NDArray[np.int64],
) -> float:
    """Mean over several sets of estimates, each (n, 2), of the CCC of some rows on one axis."""
    return float(np.mean([agreement(one[rows, axis], labels[rows, axis]).ccc for one in estimates]))


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    groups: Sequence[str],
    *,
    rounds: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval of a statistic of rows over resampled groups.

    Parameters
    ----------
    statistic
        Of the rows with these numbers; rows come more than once.
    groups
        Group of each row. Pieces are their own groups where the question is about other pieces.
    rounds, seed
        How many resamples, and their seed.
    """
    members = [np.flatnonzero(np.asarray(groups) == name) for name in sorted(set(groups))]
    random = np.random.default_rng(seed)
    draws = random.integers(len(members), size=(rounds, len(members)))
    values = [statistic(np.concatenate([members[k] for k in draw])) for draw in draws]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
