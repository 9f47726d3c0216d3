"""Sample batches of windows and their targets from renditions.

All randomness of window i of step s comes from one row of uniform numbers, a pure function of
(seed, s, i), so that a process can load its slice of a batch and nothing else.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from damer.views import FrontEndSpec
from training.datasets import Piece
from training.fitting.augment import AUGMENT_UNIFORMS
from training.fitting.distributed import SINGLE_PROCESS, RankSlice
from training.fitting.recipe import FitRecipe
from training.sound.renditions import FIRST_ESTIMATE_SECONDS, Rendition, cut_windows

SAMPLING_UNIFORMS = 4  # uniform numbers a window that choose it; the rest augments it
Uniforms = NDArray[np.float64]


class LabelledBatch(NamedTuple):
    """Views of a rank slice, and the labels of the whole batch.

    Attributes
    ----------
    mel, cochleagram
        Of the slice, (n, mel_bands, T) and (n, gammatone_channels, T).
    label
        Valence and arousal, (B, 2).
    rows
        Rows of each data set in the batch.
    track, style
        Indices of the pieces and of their styles, (B,).
    """

    mel: Tensor
    cochleagram: Tensor
    label: Tensor
    rows: dict[str, slice]
    track: Tensor
    style: Tensor


class DistillationBatch(NamedTuple):
    """Views of a rank slice, and the teachers' outputs for the whole batch.

    Attributes
    ----------
    mel, cochleagram
        Of the slice, (n, mel_bands, T) and (n, gammatone_channels, T).
    target
        Standardised outputs of the teachers, (B, targets).
    """

    mel: Tensor
    cochleagram: Tensor
    target: Tensor


def draw_uniforms(seed: int, step: int, count: int) -> Uniforms:
    """Draw the uniform numbers in [0, 1) for `count` windows of a step.

    Returns
    -------
    Uniforms
        (count, SAMPLING_UNIFORMS + AUGMENT_UNIFORMS).
    """
    numbers = SAMPLING_UNIFORMS + AUGMENT_UNIFORMS
    return np.random.default_rng([seed, step]).random((count, numbers))


def initial_uniforms(seed: int, batches: int, size: int) -> Iterator[Uniforms]:
    """Draw uniform numbers for the batches that initialise a network, before step 1."""
    yield from np.split(draw_uniforms(seed, 0, batches * size), batches)


class LabelledSampler:
    """Sampler of labelled windows: data sets by batch share; pieces, renditions, times uniformly.

    Raises
    ------
    ValueError
        A data set of the recipe has no piece.
    """

    def __init__(self, renditions: list[Rendition], recipe: FitRecipe) -> None:
        self._recipe = recipe
        self._pieces: dict[str, list[list[Rendition]]] = {}
        for dataset in recipe.batch_shares:
            by_name: dict[str, list[Rendition]] = {}
            for rendition in renditions:
                if rendition.piece.dataset == dataset:
                    by_name.setdefault(rendition.piece.name, []).append(rendition)
            if not by_name:
                raise ValueError(
                    f"cannot sample {dataset}: no piece of it is in the training split; "
                    "add pieces, or remove it from the recipe"
                )
            self._pieces[dataset] = list(by_name.values())
        pieces = {(one.piece.dataset, one.piece.name) for one in renditions}
        self._tracks = {name: index for index, name in enumerate(sorted(pieces))}
        styles = {_style(one.piece) for one in renditions}
        self._styles = {name: index for index, name in enumerate(sorted(styles))}

    @property
    def styles(self) -> int:
        """Number of styles."""
        return len(self._styles)

    def batch(self, uniforms: Uniforms, rank_slice: RankSlice = SINGLE_PROCESS) -> LabelledBatch:
        """Sample the windows of uniform numbers (B, SAMPLING_UNIFORMS or more), sorted by data set.

        Raises
        ------
        ValueError
            The batch is too small to hold a window of each data set.
        """
        rows = self._rows(len(uniforms))
        chosen = [
            self._choose(self._pieces[dataset], row)
            for dataset, part in rows.items()
            for row in uniforms[part]
        ]
        own = [chosen[index] for index in rank_slice.select(range(len(chosen)))]
        windows = [cut_windows(rendition, end, self._recipe.front_end) for rendition, end in own]
        mels, cochleagrams = zip(*windows, strict=True)
        labels = [rendition.labels_at(self._seconds(end)) for rendition, end in chosen]
        pieces = [rendition.piece for rendition, _ in chosen]
        return LabelledBatch(
            torch.cat(mels),
            torch.cat(cochleagrams),
            torch.from_numpy(np.concatenate(labels)),
            rows,
            torch.tensor([self._tracks[one.dataset, one.name] for one in pieces]),
            torch.tensor([self._styles[_style(one)] for one in pieces]),
        )

    def _rows(self, count: int) -> dict[str, slice]:
        """Divide the rows of a batch among the data sets."""
        shares = self._recipe.batch_shares
        bounds = np.rint(count * np.cumsum([0.0, *shares.values()]) / sum(shares.values()))
        if not np.diff(bounds).all():
            raise ValueError(
                f"cannot fill a batch: batch = {count} leaves a data set of {', '.join(shares)} "
                "without a window; increase `batch`"
            )
        return {
            dataset: slice(int(start), int(end))
            for dataset, start, end in zip(shares, bounds[:-1], bounds[1:], strict=True)
        }

    def _choose(
        self, pieces: list[list[Rendition]], row: Uniforms
    ) -> tuple[Rendition, NDArray[np.int64]]:
        """Choose a rendition and the frame at which its window ends, as an array of one."""
        piece_uniform, rendering_uniform, cold_uniform, time_uniform = row[:SAMPLING_UNIFORMS]
        spec = self._recipe.front_end
        renditions = pieces[int(piece_uniform * len(pieces))]
        rendition = renditions[int(rendering_uniform * len(renditions))]
        rate = spec.sample_rate / spec.hop
        labelled_from, labelled_to = rendition.piece.labelled_span
        last = int(min(len(rendition.frames), labelled_to / rendition.rendering.pace * rate))
        first = int(max(FIRST_ESTIMATE_SECONDS, labelled_from / rendition.rendering.pace) * rate)
        if cold_uniform < self._recipe.cold_start:
            last = min(last, max(first, spec.window_frames))
        else:
            first = max(first, spec.window_frames)
        return rendition, _uniform_end(min(first, last), last, time_uniform)

    def _seconds(self, ends: NDArray[np.int64]) -> NDArray[np.float64]:
        spec = self._recipe.front_end
        return ends * spec.hop / spec.sample_rate


class UnlabelledSampler:
    """Sampler of unlabelled windows: renditions uniformly, then times."""

    def __init__(self, renditions: list[Rendition], spec: FrontEndSpec) -> None:
        if not renditions:
            raise ValueError(
                "cannot sample unlabelled windows: the pool of PCL is empty; "
                "check `pcl.pool` in the recipe"
            )
        self._renditions, self._spec = renditions, spec

    def batch(
        self, uniforms: Uniforms, rank_slice: RankSlice = SINGLE_PROCESS
    ) -> tuple[Tensor, Tensor]:
        """Sample a rank slice of the windows of uniform numbers (B, SAMPLING_UNIFORMS or more).

        Mel is (n, mel_bands, T) and the cochleagram (n, gammatone_channels, T).
        """
        windows = []
        for rendition_uniform, time_uniform in rank_slice.select(uniforms)[:, :2]:
            rendition = self._renditions[int(rendition_uniform * len(self._renditions))]
            last = len(rendition.frames)
            end = _uniform_end(min(self._spec.window_frames, last), last, time_uniform)
            windows.append(cut_windows(rendition, end, self._spec))
        mels, cochleagrams = zip(*windows, strict=True)
        return torch.cat(mels), torch.cat(cochleagrams)


def _uniform_end(first: int, last: int, uniform: float) -> NDArray[np.int64]:
    """Map a uniform number to a frame from `first` to `last`, as an array of one."""
    return np.array([first + int(uniform * (last + 1 - first))])


def _style(piece: Piece) -> str:
    return f"{piece.dataset} {piece.style}"


class DistillationSampler:
    """Sampler of windows with the teachers' outputs.

    Parameters
    ----------
    renditions
        Renditions with frames.
    targets
        Of each rendition, the window ends in seconds, (n,), and the outputs, (n, targets).
    spec
        Front end of the frames.
    statistics
        Mean and standard deviation that standardise targets, (targets,) each. Default: those of
        these targets.
    draw_weights
        How often a window of a data set is drawn, relative to others. Default: 1 each.

    Attributes
    ----------
    mean, std
        The statistics.
    datasets
        Data set of each window, (windows,).
    """

    def __init__(
        self,
        renditions: list[Rendition],
        targets: list[tuple[NDArray[np.float64], NDArray[np.float32]]],
        spec: FrontEndSpec,
        statistics: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
        draw_weights: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._renditions, self._spec = renditions, spec
        counts = [len(ends) for ends, _ in targets]
        own_weights = [draw_weights.get(one.piece.dataset, 1.0) for one in renditions]
        self._cumulative_weight = np.cumsum(np.repeat(own_weights, counts))
        self._rendition_of = np.repeat(np.arange(len(renditions)), counts)
        self.datasets = np.array([one.piece.dataset for one in renditions])[self._rendition_of]
        seconds = np.concatenate([ends for ends, _ in targets])
        self._ends = (seconds * spec.sample_rate / spec.hop + 1e-6).astype(np.int64)
        raw = np.concatenate([values for _, values in targets])
        mean, std = statistics or (raw.mean(axis=0), raw.std(axis=0).clip(1e-3))
        self.mean: NDArray[np.float32] = mean
        self.std: NDArray[np.float32] = std
        self._targets = (raw - self.mean) / self.std

    def __len__(self) -> int:
        return len(self._rendition_of)

    def batch(
        self, uniforms: Uniforms, rank_slice: RankSlice = SINGLE_PROCESS
    ) -> DistillationBatch:
        """Sample the windows of uniform numbers (B, SAMPLING_UNIFORMS or more)."""
        drawn = uniforms[:, 0] * self._cumulative_weight[-1]
        indices = np.searchsorted(self._cumulative_weight, drawn, side="right")
        target = torch.from_numpy(self._targets[indices])
        return self.select(rank_slice.select(indices))._replace(target=target)

    def select(self, indices: NDArray[np.int64]) -> DistillationBatch:
        """Return the windows of indices from 0 to `len(self) - 1`."""
        windows = []
        for index in indices:
            rendition = self._renditions[self._rendition_of[index]]
            end = np.minimum(self._ends[index : index + 1], len(rendition.frames))
            windows.append(cut_windows(rendition, end, self._spec))
        mels, cochleagrams = zip(*windows, strict=True)
        target = torch.from_numpy(self._targets[indices])
        return DistillationBatch(torch.cat(mels), torch.cat(cochleagrams), target)
