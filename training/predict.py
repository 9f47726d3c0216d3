"""Predict the trajectory of a network over a rendition, and score trajectories against labels."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from damer.nn import DAMER
from damer.views import FrontEndSpec
from training.datasets import AXES, Piece
from training.metrics import agreement, classification, within_piece
from training.sound.render import Rendering
from training.sound.renditions import Rendition, cut_windows, window_ends

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Predictions over one rendition.

    Attributes
    ----------
    piece, rendering
        The rendition.
    times
        Ends of the windows in seconds, (n,).
    mean, std
        Predictions of the fused head, (n, 2).
    window_seconds
        Length of a window.
    lag
        Seconds by which labels are read earlier than the window ends. Default: 0.
    """

    piece: Piece
    rendering: Rendering
    times: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    window_seconds: float
    lag: float = 0.0

    def mean_over_full_windows(self) -> NDArray[np.float64]:
        """Mean prediction over the full windows, or over all if none is full, (2,)."""
        full = self.times >= self.window_seconds
        chosen = self.mean[full] if full.any() else self.mean
        return np.asarray(chosen.mean(axis=0))

    def labels(self) -> NDArray[np.float64]:
        """Labels at the window ends less the lag, (n, 2)."""
        score_times = (self.times - self.lag) * self.rendering.pace
        return self.piece.labels_at(score_times).astype(np.float64)


@torch.inference_mode()
def predict_trajectory(
    network: DAMER, rendition: Rendition, interval: float, spec: FrontEndSpec
) -> Trajectory:
    """Predict the windows that end every `interval` seconds."""
    ends = window_ends(rendition, interval, spec)
    device = next(network.parameters()).device
    means, stds = [], []
    for start in range(0, len(ends), _BATCH):
        mel, cochleagram = cut_windows(rendition, ends[start : start + _BATCH], spec)
        fused = network(mel.to(device), cochleagram.to(device)).fused
        means.append(fused.mean.cpu().numpy())
        stds.append(fused.std.cpu().numpy())
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
    """Compute the fused embeddings of the windows that end before frames `ends`, (n, width)."""
    parts = [ends[start : start + _BATCH] for start in range(0, len(ends), _BATCH)]
    return torch.cat([network(*cut_windows(rendition, part, spec)).embedding for part in parts])


def piece_means(
    trajectories: list[Trajectory],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean prediction and mean label of each piece over time and renditions, (pieces, 2) each.

    Windows that were not full yet are left out if there are full ones.
    """
    by_piece: dict[str, list[Trajectory]] = {}
    for one in trajectories:
        by_piece.setdefault(one.piece.name, []).append(one)
    predictions = [
        np.mean([one.mean_over_full_windows() for one in own], axis=0) for own in by_piece.values()
    ]
    labels = [own[0].piece.mean_label for own in by_piece.values()]
    return np.array(predictions), np.array(labels)


def scores(trajectories: list[Trajectory]) -> dict[str, dict[str, float]]:
    """Score one data set by axis: at piece level, at moment level and within pieces."""
    predictions, labels = piece_means(trajectories)
    moments = np.concatenate([one.mean for one in trajectories])
    moment_labels = np.concatenate([one.labels() for one in trajectories])
    table = {}
    for k, axis in enumerate(AXES):
        pairs = [(one.mean[:, k], one.labels()[:, k]) for one in trajectories]
        table[axis] = {
            **agreement(predictions[:, k], labels[:, k]).as_dict(),
            **classification(predictions[:, k], labels[:, k]),
            "moment_ccc": agreement(moments[:, k], moment_labels[:, k]).ccc,
            "within_piece_r": within_piece(pairs, "r"),
            "within_piece_ccc": within_piece(pairs, "ccc"),
        }
    return table
