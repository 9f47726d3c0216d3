"""Fit the Kalman smoother on validation trajectories and calibrate what it says of itself."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streamer.engines import KalmanSettings
from training.predict import Trajectory
from training.response import response_time, smoothed

_CORRELATION_SHARE = 0.5  # of a window: estimates that far apart share half their frames
_TIME_CONSTANTS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)
COVERAGE = {"80": 1.2816, "95": 1.96}


def fit_smoother(
    validation: list[Trajectory],
    joins: list[tuple[Trajectory, float]],
    longest_response: float,
) -> KalmanSettings:
    """Choose the time constant with the least error whose response is quick enough.

    For noise variance s² held for c seconds, a drift of q settles at the time constant
    s * sqrt(c / q). Where no time constant is quick enough, the shortest is taken.
    """
    std = np.concatenate([path.std for path in validation]).mean(axis=0)
    correlation = _CORRELATION_SHARE * validation[0].window_seconds
    best, least = None, np.inf
    for constant in _TIME_CONSTANTS:
        drift = std**2 * correlation / constant**2
        settings = KalmanSettings((float(drift[0]), float(drift[1])), correlation, (1.0, 1.0))
        if best is not None and response_time(joins, settings) > longest_response:
            break
        error = np.mean(np.concatenate([_errors(path, settings)[0] for path in validation]) ** 2)
        if error < least:
            best, least = settings, error
    if best is None:
        raise ValueError("no validation trajectories")
    return replace(best, deviation_scale=_deviation_scale(validation, best))


def _errors(
    path: Trajectory, settings: KalmanSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    means, deviations = smoothed(path, settings)
    return means - path.labels(), deviations


def _deviation_scale(validation: list[Trajectory], settings: KalmanSettings) -> tuple[float, float]:
    """Scale so that standardised errors have variance one; data sets weigh alike."""
    ratios: dict[str, list[NDArray[np.float64]]] = {}
    for path in validation:
        error, deviation = _errors(path, settings)
        ratios.setdefault(path.piece.dataset, []).append((error / deviation) ** 2)
    variance = np.mean([np.concatenate(parts).mean(axis=0) for parts in ratios.values()], axis=0)
    return float(np.sqrt(variance[0])), float(np.sqrt(variance[1]))


def coverage(paths: list[Trajectory], settings: KalmanSettings | None) -> dict[str, list[float]]:
    """Share of labels inside the 80 and 95 % intervals, (valence, arousal).

    Without settings the intervals are those of the raw estimates.
    """
    errors, deviations = [], []
    for path in paths:
        if settings is None:
            error, deviation = path.mean - path.labels(), path.std
        else:
            error, deviation = _errors(path, settings)
        errors.append(error)
        deviations.append(deviation)
    ratio = np.abs(np.concatenate(errors)) / np.concatenate(deviations)
    return {
        name: [float(share) for share in (ratio <= width).mean(axis=0)]
        for name, width in COVERAGE.items()
    }
