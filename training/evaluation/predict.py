"""Trajectories of a fitted network over whole renditions, and their agreement with the labels."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from damer.nn import DAMER
from damer.views import FrontEndSpec
from training.datasets import Piece
from training.evaluation.metrics import agreement, classification, within_piece
from training.fitting.sampling import window_ends, windows
from training.sound.features import Rendition
from training.sound.render import Rendering

AXES = ("valence", "arousal")
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Estimates over one rendition.

    Attributes
    ----------
    piece, rendering
        What was heard.
    times
        Ends of the windows in seconds, (n,).
    mean, std
        Estimates of the fused head, (n, 2).
    window_seconds
        Length of a window.
    lag
        Seconds by which the labels that it is compared with are earlier.
    """

    piece: Piece
    rendering: Rendering
    times: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    window_seconds: float
    lag: float = 0.0

    def settled_mean(self) -> NDArray[np.float64]:
        """Mean estimate (2,) of the full windows, or of all where none is full."""
        full = self.times >= self.window_seconds
        chosen = self.mean[full] if full.any() else self.mean
        return np.asarray(chosen.mean(axis=0))

    def labels(self) -> NDArray[np.float64]:
        """Labels (n, 2) at each window's end, less the lag."""
        played = (self.times - self.lag) * self.rendering.tempo
        return self.piece.labels_at(played).astype(np.float64)


@torch.inference_mode()
def trajectory(
    network: DAMER, rendition: Rendition, every: float, spec: FrontEndSpec
) -> Trajectory:
    """Estimate the windows that end every so many seconds."""
    ends = window_ends(rendition, every, spec)
    device = next(network.parameters()).device
    means, stds = [], []
    for start in range(0, len(ends), _BATCH):
        mel, cochleagram = windows(rendition, ends[start : start + _BATCH], spec)
        head = network(mel.to(device), cochleagram.to(device)).fused
        means.append(head.mean.cpu().numpy())
        stds.append(head.std.cpu().numpy())
    return Trajectory(
        rendition.piece,
        rendition.rendering,
        ends * spec.hop / spec.sample_rate,
        np.concatenate(means).astype(np.float64),
        np.concatenate(stds).astype(np.float64),
        spec.window_seconds,
    )


@torch.inference_mode()
def embeddings(
    network: DAMER, rendition: Rendition, ends: NDArray[np.int64], spec: FrontEndSpec
) -> torch.Tensor:
    """Give what the network's fused head hears in windows that end before frames `ends`."""
    parts = [ends[start : start + _BATCH] for start in range(0, len(ends), _BATCH)]
    return torch.cat([network(*windows(rendition, part, spec)).embedding for part in parts])


def piece_means(
    trajectories: list[Trajectory],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean estimate and mean label of each piece over time and renditions, each (pieces, 2).

    Estimates from windows that were not yet full are left out where there are others.
    """
    by_piece: dict[str, list[Trajectory]] = {}
    for path in trajectories:
        by_piece.setdefault(path.piece.name, []).append(path)
    estimates = [
        np.mean([path.settled_mean() for path in paths], axis=0) for paths in by_piece.values()
    ]
    labels = [paths[0].piece.mean_label for paths in by_piece.values()]
    return np.array(estimates), np.array(labels)


def scores(trajectories: list[Trajectory]) -> dict[str, dict[str, float]]:
    """Score one data set, by axis: piece level, moment level and within pieces."""
    estimates, labels = piece_means(trajectories)
    moments = np.concatenate([path.mean for path in trajectories])
    moment_labels = np.concatenate([path.labels() for path in trajectories])
    table = {}
    for k, axis in enumerate(AXES):
        inside = [(path.mean[:, k], path.labels()[:, k]) for path in trajectories]
        table[axis] = {
            **agreement(estimates[:, k], labels[:, k]).as_dict(),
            **classification(estimates[:, k], labels[:, k]),
            "moment_ccc": agreement(moments[:, k], moment_labels[:, k]).ccc,
            "within_piece_r": within_piece(inside, "r"),
            "within_piece_ccc": within_piece(inside, "ccc"),
        }
    return table
