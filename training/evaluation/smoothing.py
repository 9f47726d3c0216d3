"""Fit the Kalman smoother on validation trajectories and calibrate what it says of itself."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streamer.engines import KalmanSettings
from training.evaluation.predict import Trajectory
from training.evaluation.response import smoothed

_CORRELATION_SHARE = 0.5  # of a window: estimates that far apart share half their frames
_RESPONSE_SHARE = 0.63
_STEP = 0.005
COVERAGE = {"80": 1.2816, "95": 1.96}


def time_constant(window_seconds: float, longest_response: float) -> float:
    """Give the longest time constant in seconds that still responds quickly enough, at least 0.05.

    After a change in the music the raw estimate is taken to move evenly while new sound fills the
    window; a first-order filter follows it. The response is the time until 63 % of the way.
    """
    constants = np.arange(0.05, 5.0, 0.05)
    quick = [one for one in constants if _response(window_seconds, one) <= longest_response]
    return float(max(quick, default=constants[0]))


def _response(window_seconds: float, constant: float) -> float:
    value, seconds = 0.0, 0.0
    while value < _RESPONSE_SHARE:
        seconds += _STEP
        target = min(1.0, seconds / window_seconds)
        value += (target - value) * -np.expm1(-_STEP / constant)
    return seconds


def fit_smoother(validation: list[Trajectory], longest_response: float) -> KalmanSettings:
    """Settle the filter at the longest time constant allowed and calibrate what it says of itself.

    For noise variance s² held for c seconds, a drift of q settles at the time constant
    s * sqrt(c / q). More smoothing always lessens the error on validation, for the greater part of
    it is the piece's; so the response decides.
    """
    std = np.concatenate([path.std for path in validation]).mean(axis=0)
    window = validation[0].window_seconds
    correlation = _CORRELATION_SHARE * window
    drift = std**2 * correlation / time_constant(window, longest_response) ** 2
    settings = KalmanSettings((float(drift[0]), float(drift[1])), correlation, (1.0, 1.0))
    return replace(settings, deviation_scale=_deviation_scale(validation, settings))


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


def inside_intervals(
    path: Trajectory, settings: KalmanSettings | None
) -> dict[str, NDArray[np.bool_]]:
    """Say of each label whether it lies inside the 80 and 95 % intervals, (n, 2).

    Without settings the intervals are those of the raw estimates.
    """
    if settings is None:
        error, deviation = path.mean - path.labels(), path.std
    else:
        error, deviation = _errors(path, settings)
    ratio = np.abs(error) / deviation
    return {name: ratio <= width for name, width in COVERAGE.items()}
