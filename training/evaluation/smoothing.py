"""Fit and calibrate the runtime's Kalman smoother; measure response time and smoothing's effect."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from damer.nn import DAMER
from damer.views import FrontEndSpec
from streamer.engines import KalmanSettings
from streamer.tracking import Affect
from streamer.tracking.smoother import Exponential, Kalman
from training.datasets import AXES
from training.metrics import within_piece
from training.predict import Trajectory, predict_trajectory
from training.sound.renditions import Rendition

COVERAGE = {"80": 1.2816, "95": 1.96}  # half widths of intervals in standard deviations
TIME_CONSTANTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
RAW, PUBLISHED = "raw", "as published"
_CORRELATION_SHARE = 0.5  # of a window: predictions that far apart share half their frames
_RESPONSE_SHARE = 0.63
_SIMULATION_STEP = 0.005
_CLIP_PAIRS = 12
_CLIP_REPEATS = 3
_INTERVAL = 0.1


def smooth_trajectory(
    trajectory: Trajectory, settings: KalmanSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smooth a trajectory as the runtime does; return means and standard deviations, (n, 2)."""
    smoother = Kalman(settings)
    smoothed = [smoother.step(raw, seconds) for raw, seconds in _runtime_steps(trajectory)]
    means = np.array([(one.valence, one.arousal) for one in smoothed])
    return means, np.array([(one.valence_std, one.arousal_std) for one in smoothed])


def _runtime_steps(trajectory: Trajectory) -> Iterator[tuple[Affect, float]]:
    """Convert predictions to the runtime's type, each with the seconds since the one before."""
    steps = np.diff(trajectory.times, prepend=trajectory.times[0] - _INTERVAL)
    for mean, std, seconds in zip(trajectory.mean, trajectory.std, steps, strict=True):
        yield Affect(*map(float, (*mean, *std))), float(seconds)


def fit_smoother(validation: list[Trajectory], longest_response: float) -> KalmanSettings:
    """Fit the Kalman filter: the longest time constant allowed, then a calibrated deviation.

    For noise variance s² that is correlated over c seconds, a drift of q gives the time constant
    s * sqrt(c / q). More smoothing always lowers the error on validation, because most of the error
    is constant over a piece; so the response time is the limit.
    """
    std = np.concatenate([one.std for one in validation]).mean(axis=0)
    window = validation[0].window_seconds
    correlation = _CORRELATION_SHARE * window
    drift = std**2 * correlation / time_constant(window, longest_response) ** 2
    settings = KalmanSettings((float(drift[0]), float(drift[1])), correlation, (1.0, 1.0))
    return replace(settings, deviation_scale=_deviation_scale(validation, settings))


def time_constant(window_seconds: float, longest_response: float) -> float:
    """Longest time constant in seconds whose response is at most `longest_response`, >= 0.05.

    Model: after a change in the music, the raw prediction moves linearly while new audio fills the
    window, and a first-order filter follows it. The response is the time to 63 % of the change.
    """
    constants = np.arange(0.05, 5.0, 0.05)
    allowed = [one for one in constants if _response(window_seconds, one) <= longest_response]
    return float(max(allowed, default=constants[0]))


def _response(window_seconds: float, constant: float) -> float:
    value, seconds = 0.0, 0.0
    while value < _RESPONSE_SHARE:
        seconds += _SIMULATION_STEP
        target = min(1.0, seconds / window_seconds)
        value += (target - value) * -np.expm1(-_SIMULATION_STEP / constant)
    return seconds


def _deviation_scale(validation: list[Trajectory], settings: KalmanSettings) -> tuple[float, float]:
    """Scale that gives standardised errors unit variance; data sets have equal weight."""
    ratios: dict[str, list[NDArray[np.float64]]] = {}
    for one in validation:
        error, deviation = _smoothed_errors(one, settings)
        ratios.setdefault(one.piece.dataset, []).append((error / deviation) ** 2)
    variance = np.mean([np.concatenate(parts).mean(axis=0) for parts in ratios.values()], axis=0)
    return float(np.sqrt(variance[0])), float(np.sqrt(variance[1]))


def _smoothed_errors(
    trajectory: Trajectory, settings: KalmanSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    means, deviations = smooth_trajectory(trajectory, settings)
    return means - trajectory.labels(), deviations


def labels_in_intervals(
    trajectory: Trajectory, settings: KalmanSettings | None
) -> dict[str, NDArray[np.bool_]]:
    """Whether each label lies in the 80 and 95 % interval, (n, 2); raw without settings."""
    if settings is None:
        error, deviation = trajectory.mean - trajectory.labels(), trajectory.std
    else:
        error, deviation = _smoothed_errors(trajectory, settings)
    ratio = np.abs(error) / deviation
    return {name: ratio <= half_width for name, half_width in COVERAGE.items()}


def within_piece_agreement(
    trajectories: list[Trajectory], settings: KalmanSettings
) -> dict[str, dict[str, float]]:
    """Mean r within pieces by smoothing and axis; empty if no piece has time-varying labels.

    Rows: raw, smoothed as published, and first-order filters of growing time constants. Slower
    filters agree better, because raters respond slowly.
    """
    varying = [one for one in trajectories if len(one.piece.times) > 1]
    if not varying:
        return {}
    published = [replace(one, mean=smooth_trajectory(one, settings)[0]) for one in varying]
    table = {RAW: _mean_r(varying), PUBLISHED: _mean_r(published)}
    for constant in TIME_CONSTANTS:
        table[f"{constant:g} s"] = _mean_r([_low_pass(one, constant) for one in varying])
    return table


def _low_pass(trajectory: Trajectory, constant: float) -> Trajectory:
    smoother = Exponential(constant)
    filtered = [smoother.step(raw, seconds) for raw, seconds in _runtime_steps(trajectory)]
    return replace(trajectory, mean=np.array([(one.valence, one.arousal) for one in filtered]))


def _mean_r(trajectories: list[Trajectory]) -> dict[str, float]:
    return {
        axis: within_piece([(one.mean[:, k], one.labels()[:, k]) for one in trajectories], "r")
        for k, axis in enumerate(AXES)
    }


def predict_arousal_steps(
    network: DAMER, clips: list[Rendition], spec: FrontEndSpec
) -> list[tuple[Trajectory, float]]:
    """Predict steps from the calmest clips to the most excited ones.

    Each clip is repeated, so that the trajectory settles.

    Returns
    -------
    list
        Trajectory and time of the step in seconds, for each pair of clips.
    """
    ranked = sorted(clips, key=lambda clip: float(clip.piece.arousal.mean()))
    count = min(_CLIP_PAIRS, len(ranked) // 2)
    steps = []
    for calm, excited in zip(ranked[:count], ranked[::-1][:count], strict=True):
        frames = np.concatenate([calm.frames] * _CLIP_REPEATS + [excited.frames] * _CLIP_REPEATS)
        joined = Rendition(calm.piece, calm.rendering, frames)
        trajectory = predict_trajectory(network, joined, _INTERVAL, spec)
        steps.append((trajectory, len(calm.frames) * _CLIP_REPEATS * spec.hop / spec.sample_rate))
    return steps


def response_time(
    steps: list[tuple[Trajectory, float]], settings: KalmanSettings | None
) -> float | None:
    """Seconds until the mean arousal has made 63 % of its step; None without steps.

    Smoothed with the settings, raw without.
    """
    if not steps:
        return None
    traces = []
    for trajectory, step_time in steps:
        means = trajectory.mean if settings is None else smooth_trajectory(trajectory, settings)[0]
        grid = step_time + np.arange(-2.0, 12.0, _INTERVAL)
        traces.append(np.interp(grid, trajectory.times, means[:, 1]))
    mean = np.mean(traces, axis=0)
    before = mean[:20].mean()
    after = mean[-20:].mean()
    progress = (mean[20:] - before) / (after - before)
    return float(np.argmax(progress >= _RESPONSE_SHARE) * _INTERVAL)
