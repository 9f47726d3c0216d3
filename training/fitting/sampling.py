"""Windows and labels from renditions."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from damer.views import FrontEndSpec
from training.sound.features import Rendition
from training.fitting.recipe import Recipe

FIRST_ESTIMATE_SECONDS = 1.0

Batch = tuple[Tensor, Tensor, Tensor, dict[str, slice]]
"""Mel (B, mel_bands, T), cochleagram (B, gammatone_channels, T), labels (B, 2), rows of sets."""


def windows(
    rendition: Rendition, ends: NDArray[np.int64], spec: FrontEndSpec
) -> tuple[Tensor, Tensor]:
    """Cut the windows that end before frames `ends`; frames before the start are digital silence.

    Returns mel (n, mel_bands, T) and cochleagram (n, gammatone_channels, T).
    """
    frames, length = rendition.frames, spec.window_frames
    cut = np.empty((len(ends), length, frames.shape[1]), dtype=np.float32)
    cut[:, :, : spec.mel_bands] = np.log(spec.mel_floor)
    cut[:, :, spec.mel_bands :] = 0.0
    for row, end in zip(cut, ends, strict=True):
        heard = min(int(end), length)
        row[length - heard :] = frames[end - heard : end]
    both = torch.from_numpy(cut).transpose(1, 2)
    return both[:, : spec.mel_bands].contiguous(), both[:, spec.mel_bands :].contiguous()


def window_ends(rendition: Rendition, every: float, spec: FrontEndSpec) -> NDArray[np.int64]:
    """Frames at which windows end, one each `every` seconds from the first possible estimate."""
    times = np.arange(FIRST_ESTIMATE_SECONDS, rendition.seconds(spec) + 1e-9, every)
    return np.minimum((times * spec.sample_rate / spec.hop).astype(np.int64), len(rendition.frames))


class Sampler:
    """Endless batches: data sets by share, then pieces, renditions and times uniformly."""

    def __init__(self, renditions: list[Rendition], recipe: Recipe, seed: int) -> None:
        self._recipe = recipe
        self._random = np.random.default_rng(seed)
        self._pieces: dict[str, list[list[Rendition]]] = {}
        for dataset in recipe.shares:
            by_name: dict[str, list[Rendition]] = {}
            for rendition in renditions:
                if rendition.piece.dataset == dataset:
                    by_name.setdefault(rendition.piece.name, []).append(rendition)
            self._pieces[dataset] = list(by_name.values())
        total = sum(recipe.shares.values())
        self._counts = {
            dataset: round(recipe.batch * share / total) for dataset, share in recipe.shares.items()
        }

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches; one data set after the other."""
        while True:
            mels, cochleagrams, labels, rows = [], [], [], {}
            start = 0
            for dataset, count in self._counts.items():
                rows[dataset] = slice(start, start + count)
                start += count
                for _ in range(count):
                    rendition, end = self._pick(self._pieces[dataset])
                    mel, cochleagram = windows(rendition, end, self._recipe.front_end)
                    mels.append(mel)
                    cochleagrams.append(cochleagram)
                    labels.append(rendition.piece.labels_at(self._seconds(end)))
            yield (
                torch.cat(mels),
                torch.cat(cochleagrams),
                torch.from_numpy(np.concatenate(labels)),
                rows,
            )

    def _pick(self, pieces: list[list[Rendition]]) -> tuple[Rendition, NDArray[np.int64]]:
        random, spec = self._random, self._recipe.front_end
        versions = pieces[random.integers(len(pieces))]
        rendition = versions[random.integers(len(versions))]
        last = len(rendition.frames)
        least = int(FIRST_ESTIMATE_SECONDS * spec.sample_rate / spec.hop)
        if random.random() < self._recipe.cold_start:
            last = min(last, max(least, spec.window_frames))
        else:
            least = min(last, max(least, spec.window_frames))
        return rendition, np.array([random.integers(least, last + 1)])

    def _seconds(self, ends: NDArray[np.int64]) -> NDArray[np.float64]:
        spec = self._recipe.front_end
        return ends * spec.hop / spec.sample_rate
