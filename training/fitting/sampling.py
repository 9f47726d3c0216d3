"""Windows and what is known of them, drawn from renditions.

All that is random about window i of step s follows from a row of numbers, a pure function of the
seed, s and i: a process can load its share of a batch and nothing else.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from damer.views import FrontEndSpec
from training.datasets import Piece
from training.fitting.augment import CHANGES
from training.fitting.recipe import FitRecipe
from training.fitting.shares import ALONE, Share
from training.sound.features import Rendition

FIRST_ESTIMATE_SECONDS = 1.0
PICKS = 4
Chances = NDArray[np.float64]


class LabelledBatch(NamedTuple):
    """A share of a batch of windows, and the labels of the whole batch.

    Attributes
    ----------
    mel, cochleagram
        Of the share, (n, mel_bands, T) and (n, gammatone_channels, T).
    label
        Valence and arousal, (B, 2).
    rows
        Rows of each data set.
    track, style
        Numbers of the pieces and of their styles, (B,).
    """

    mel: Tensor
    cochleagram: Tensor
    label: Tensor
    rows: dict[str, slice]
    track: Tensor
    style: Tensor


class EmbeddedBatch(NamedTuple):
    """A share of a batch of windows, and the whole batch's embeddings by the teacher.

    Attributes
    ----------
    mel, cochleagram
        Of the share, (n, mel_bands, T) and (n, gammatone_channels, T).
    embedding
        Standardised, (B, 200).
    """

    mel: Tensor
    cochleagram: Tensor
    embedding: Tensor


def draw(seed: int, step: int, count: int) -> Chances:
    """Draw what is random about `count` windows of a step, (count, PICKS + CHANGES), in [0, 1).

    The first numbers of a window say which one it is, the rest is for `Augment`.
    """
    return np.random.default_rng([seed, step]).random((count, PICKS + CHANGES))


def first_batches(seed: int, batches: int, size: int) -> Iterator[Chances]:
    """Draw for windows that are heard before the first step, a batch at a time."""
    yield from np.split(draw(seed, 0, batches * size), batches)


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
    """Frames at which windows end, one each `every` seconds from the first possible estimate.

    A rendition shorter than that has one window, which ends with it.
    """
    first = min(FIRST_ESTIMATE_SECONDS, rendition.seconds(spec))
    times = np.arange(first, rendition.seconds(spec) + 1e-9, every)
    return np.minimum((times * spec.sample_rate / spec.hop).astype(np.int64), len(rendition.frames))


class LabelledSampler:
    """Batches of labelled windows: sets by share, then pieces, renditions and times uniformly."""

    def __init__(self, renditions: list[Rendition], recipe: FitRecipe) -> None:
        self._recipe = recipe
        self._pieces: dict[str, list[list[Rendition]]] = {}
        for dataset in recipe.shares:
            by_name: dict[str, list[Rendition]] = {}
            for rendition in renditions:
                if rendition.piece.dataset == dataset:
                    by_name.setdefault(rendition.piece.name, []).append(rendition)
            if not by_name:
                raise ValueError(f"the recipe asks for {dataset}, of which there is no piece")
            self._pieces[dataset] = list(by_name.values())
        pieces = {(one.piece.dataset, one.piece.name) for one in renditions}
        self._tracks = {name: number for number, name in enumerate(sorted(pieces))}
        styles = {_style(one.piece) for one in renditions}
        self._styles = {name: number for number, name in enumerate(sorted(styles))}

    @property
    def styles(self) -> int:
        """How many styles there are."""
        return len(self._styles)

    def batch(self, chances: Chances, share: Share = ALONE) -> LabelledBatch:
        """Give the windows that numbers (B, PICKS or more) say, one data set after the other.

        Raises
        ------
        ValueError
            There are too few for a window of each data set.
        """
        rows = self._rows(len(chances))
        picked = [
            self._pick(self._pieces[dataset], row)
            for dataset, part in rows.items()
            for row in chances[part]
        ]
        own = [picked[k] for k in share.of(range(len(picked)))]
        parts = [windows(rendition, end, self._recipe.front_end) for rendition, end in own]
        mels, cochleagrams = zip(*parts, strict=True)
        labels = [rendition.labels_at(self._seconds(end)) for rendition, end in picked]
        pieces = [rendition.piece for rendition, _ in picked]
        return LabelledBatch(
            torch.cat(mels),
            torch.cat(cochleagrams),
            torch.from_numpy(np.concatenate(labels)),
            rows,
            torch.tensor([self._tracks[one.dataset, one.name] for one in pieces]),
            torch.tensor([self._styles[_style(one)] for one in pieces]),
        )

    def _rows(self, count: int) -> dict[str, slice]:
        """Divide so many windows among the data sets."""
        shares = self._recipe.shares
        bounds = np.rint(count * np.cumsum([0.0, *shares.values()]) / sum(shares.values()))
        if not np.diff(bounds).all():
            raise ValueError(f"batch = {count} leaves a data set of {', '.join(shares)} no window")
        return {
            dataset: slice(int(start), int(end))
            for dataset, start, end in zip(shares, bounds[:-1], bounds[1:], strict=True)
        }

    def _pick(
        self, pieces: list[list[Rendition]], row: Chances
    ) -> tuple[Rendition, NDArray[np.int64]]:
        which, how, cold, when = row[:PICKS]
        spec = self._recipe.front_end
        versions = pieces[int(which * len(pieces))]
        rendition = versions[int(how * len(versions))]
        rate = spec.sample_rate / spec.hop
        labelled_from, labelled_to = rendition.piece.labelled_span
        last = int(min(len(rendition.frames), labelled_to / rendition.rendering.tempo * rate))
        least = int(max(FIRST_ESTIMATE_SECONDS, labelled_from / rendition.rendering.tempo) * rate)
        if cold < self._recipe.cold_start:
            last = min(last, max(least, spec.window_frames))
        else:
            least = max(least, spec.window_frames)
        return rendition, _between(min(least, last), last, when)

    def _seconds(self, ends: NDArray[np.int64]) -> NDArray[np.float64]:
        spec = self._recipe.front_end
        return ends * spec.hop / spec.sample_rate


class PoolSampler:
    """Batches of windows without labels: pieces uniformly, then times."""

    def __init__(self, renditions: list[Rendition], spec: FrontEndSpec) -> None:
        if not renditions:
            raise ValueError("the pool of music without labels is empty")
        self._renditions, self._spec = renditions, spec

    def batch(self, chances: Chances, share: Share = ALONE) -> tuple[Tensor, Tensor]:
        """Give a share of the windows that numbers (B, PICKS or more) say.

        Mel is (n, mel_bands, T) and the cochleagram (n, gammatone_channels, T).
        """
        parts = []
        for which, when in share.of(chances)[:, :2]:
            rendition = self._renditions[int(which * len(self._renditions))]
            last = len(rendition.frames)
            end = _between(min(self._spec.window_frames, last), last, when)
            parts.append(windows(rendition, end, self._spec))
        mels, cochleagrams = zip(*parts, strict=True)
        return torch.cat(mels), torch.cat(cochleagrams)


def _between(least: int, last: int, chance: float) -> NDArray[np.int64]:
    """Give an end from `least` to `last`, as an array of one."""
    return np.array([least + int(chance * (last + 1 - least))])


def _style(piece: Piece) -> str:
    return f"{piece.dataset} {piece.style}"


class EmbeddedSampler:
    """Batches of windows with the teacher's embeddings, all windows alike.

    Parameters
    ----------
    renditions
        What is heard.
    embeddings
        Of each rendition, the seconds at which windows end (n,) and the embeddings (n, 200).
    spec
        The front end.
    statistics
        Mean and deviation by which embeddings are standardised, each (200,); where not given, those
        of these embeddings.
    """

    def __init__(
        self,
        renditions: list[Rendition],
        embeddings: list[tuple[NDArray[np.float64], NDArray[np.float32]]],
        spec: FrontEndSpec,
        statistics: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
    ) -> None:
        self._renditions, self._spec = renditions, spec
        counts = [len(ends) for ends, _ in embeddings]
        self._owner = np.repeat(np.arange(len(renditions)), counts)
        seconds = np.concatenate([ends for ends, _ in embeddings])
        self._ends = (seconds * spec.sample_rate / spec.hop + 1e-6).astype(np.int64)
        raw = np.concatenate([values for _, values in embeddings])
        mean, std = statistics or (raw.mean(axis=0), raw.std(axis=0).clip(1e-3))
        self.mean: NDArray[np.float32] = mean
        self.std: NDArray[np.float32] = std
        self._embeddings = (raw - self.mean) / self.std

    def __len__(self) -> int:
        return len(self._owner)

    def batch(self, chances: Chances, share: Share = ALONE) -> EmbeddedBatch:
        """Give the windows that numbers (B, PICKS or more) say."""
        chosen = (chances[:, 0] * len(self)).astype(np.int64)
        embedding = torch.from_numpy(self._embeddings[chosen])
        return self.at(share.of(chosen))._replace(embedding=embedding)

    def at(self, chosen: NDArray[np.int64]) -> EmbeddedBatch:
        """Give windows by number, 0 up to `len(self)`."""
        parts = []
        for k in chosen:
            rendition = self._renditions[self._owner[k]]
            end = np.minimum(self._ends[k : k + 1], len(rendition.frames))
            parts.append(windows(rendition, end, self._spec))
        mels, cochleagrams = zip(*parts, strict=True)
        embeddings = torch.from_numpy(self._embeddings[chosen])
        return EmbeddedBatch(torch.cat(mels), torch.cat(cochleagrams), embeddings)
