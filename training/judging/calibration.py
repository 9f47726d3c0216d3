"""Standard deviations that mean what they say: fitted on validation, never on training pieces."""

import numpy as np
import torch
from numpy.typing import NDArray

from damer.nn import DAMER
from training.judging.predict import Trajectory

_POWERS = np.arange(0.0, 4.01, 0.25)


def calibrate_deviations(network: DAMER, trajectories: list[Trajectory]) -> None:
    """Set scale and power of the fused head's deviations by likelihood; data sets weigh alike.

    The network must be uncalibrated, with scale and power 1.
    """
    scales, powers = zip(*(_fit(trajectories, axis) for axis in range(2)), strict=True)
    head = network.fused_head
    head.std_scale.copy_(torch.tensor(scales))
    head.std_power.copy_(torch.tensor(powers))


def _fit(trajectories: list[Trajectory], axis: int) -> tuple[float, float]:
    errors: dict[str, list[NDArray[np.float64]]] = {}
    for path in trajectories:
        pair = np.stack([path.mean[:, axis] - path.labels()[:, axis], np.log(path.std[:, axis])])
        errors.setdefault(path.piece.dataset, []).append(pair)
    sets = [np.concatenate(parts, axis=1) for parts in errors.values()]
    best = (np.inf, 1.0, 1.0)
    for power in _POWERS:
        variance = np.mean([np.mean(e**2 * np.exp(-2 * power * log)) for e, log in sets])
        unlikeliness = np.log(variance) / 2 + power * np.mean([log.mean() for _, log in sets])
        best = min(best, (float(unlikeliness), float(np.sqrt(variance)), float(power)))
    return best[1], best[2]
