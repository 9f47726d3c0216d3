"""How well the trajectory inside a piece follows the labels, by how much it is smoothed."""

from dataclasses import replace

import numpy as np

from streamer.engines import KalmanSettings
from streamer.tracking.smoother import Exponential
from training.evaluation.metrics import within_piece
from training.evaluation.predict import AXES, Trajectory
from training.evaluation.response import affects, smoothed

TIME_CONSTANTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
RAW, PUBLISHED = "raw", "as published"


def movement(paths: list[Trajectory], settings: KalmanSettings) -> dict[str, dict[str, float]]:
    """Mean r inside a piece on each axis, by smoothing; empty where no label moves.

    Raw, with the smoother that is published, and with first-order filters of longer and longer time
    constants: what is lost in response is won in agreement, for raters answer slowly.
    """
    moving = [path for path in paths if len(path.piece.times) > 1]
    if not moving:
        return {}
    published = [replace(path, mean=smoothed(path, settings)[0]) for path in moving]
    table = {RAW: _agreement(moving), PUBLISHED: _agreement(published)}
    for constant in TIME_CONSTANTS:
        table[f"{constant:g} s"] = _agreement([_low_passed(path, constant) for path in moving])
    return table


def _low_passed(path: Trajectory, constant: float) -> Trajectory:
    smoother = Exponential(constant)
    answers = [smoother.step(raw, seconds) for raw, seconds in affects(path)]
    return replace(path, mean=np.array([(one.valence, one.arousal) for one in answers]))


def _agreement(paths: list[Trajectory]) -> dict[str, float]:
    return {
        axis: within_piece([(path.mean[:, k], path.labels()[:, k]) for path in paths], "r")
        for k, axis in enumerate(AXES)
    }
