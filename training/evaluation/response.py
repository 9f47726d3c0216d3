"""How long a change in the music takes to be seen in the trajectory."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from damer.nn import DAMER
from damer.views import FrontEndSpec
from streamer.engines import KalmanSettings
from streamer.tracking import Affect
from streamer.tracking.smoother import Kalman
from training.evaluation.predict import Trajectory, trajectory
from training.sound.features import Rendition

_PAIRS = 12
_REPEATS = 3
_EVERY = 0.1
_SHARE = 0.63


def smoothed(
    path: Trajectory, settings: KalmanSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Run the runtime's Kalman smoother over a trajectory; give means and deviations, (n, 2)."""
    smoother = Kalman(settings)
    answers = [smoother.step(raw, seconds) for raw, seconds in affects(path)]
    means = np.array([(one.valence, one.arousal) for one in answers])
    return means, np.array([(one.valence_std, one.arousal_std) for one in answers])


def affects(path: Trajectory) -> Iterator[tuple[Affect, float]]:
    """Give the raw estimates as the runtime's smoothers take them, with the seconds before each."""
    steps = np.diff(path.times, prepend=path.times[0] - _EVERY)
    for mean, std, seconds in zip(path.mean, path.std, steps, strict=True):
        yield Affect(*map(float, (*mean, *std))), float(seconds)


def arousal_steps(
    network: DAMER, clips: list[Rendition], spec: FrontEndSpec
) -> list[tuple[Trajectory, float]]:
    """Estimate joins of the calmest clips with the most excited ones, calm first.

    Each clip is played several times over, so that the trajectory comes to rest; the second item is
    the time of the join in seconds.
    """
    ranked = sorted(clips, key=lambda clip: float(clip.piece.arousal.mean()))
    count = min(_PAIRS, len(ranked) // 2)
    joins = []
    for calm, excited in zip(ranked[:count], ranked[::-1][:count], strict=True):
        frames = np.concatenate([calm.frames] * _REPEATS + [excited.frames] * _REPEATS)
        path = trajectory(network, Rendition(calm.piece, calm.rendering, frames), _EVERY, spec)
        joins.append((path, len(calm.frames) * _REPEATS * spec.hop / spec.sample_rate))
    return joins


def response_time(
    joins: list[tuple[Trajectory, float]], settings: KalmanSettings | None
) -> float | None:
    """Seconds from the join until the mean arousal has gone 63 % of its way; None without joins.

    Smoothed with the settings, or raw without.
    """
    if not joins:
        return None
    traces = []
    for path, join in joins:
        means = path.mean if settings is None else smoothed(path, settings)[0]
        grid = join + np.arange(-2.0, 12.0, _EVERY)
        traces.append(np.interp(grid, path.times, means[:, 1]))
    mean = np.mean(traces, axis=0)
    before = mean[:20].mean()
    after = mean[-20:].mean()
    gone = (mean[20:] - before) / (after - before)
    return float(np.argmax(gone >= _SHARE) * _EVERY)
