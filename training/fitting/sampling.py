"""Windows and what is known of them, drawn from renditions: a pure function of the step."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from damer.views import FrontEndSpec
from training.fitting.recipe import FitRecipe
from training.sound.features import Rendition

FIRST_ESTIMATE_SECONDS = 1.0


class LabelledBatch(NamedTuple):
    """Windows with labels.

    Attributes
    ----------
    mel, cochleagram
        (B, mel_bands, T) and (B, gammatone_channels, T).
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
    """Windows with the teacher's embedding, standardised, (B, 200)."""

    mel: Tensor
    cochleagram: Tensor
    embedding: Tensor


def generator(seed: int, step: int, rank: int) -> np.random.Generator:
    """Give the generator of one step in one process, so that a fit can go on from any step."""
    return np.random.default_rng([seed, step, rank])


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
        styles = {_style(one) for one in renditions}
        self._styles = {name: number for number, name in enumerate(sorted(styles))}

    @property
    def styles(self) -> int:
        """How many styles there are."""
        return len(self._styles)

    def batch(self, count: int, random: np.random.Generator) -> LabelledBatch:
        """Draw about `count` windows, one data set after the other."""
        mels, cochleagrams, labels, rows = [], [], [], {}
        tracks: list[int] = []
        styles: list[int] = []
        total = sum(self._recipe.shares.values())
        start = 0
        for dataset, share in self._recipe.shares.items():
            own = max(1, round(count * share / total))
            rows[dataset] = slice(start, start + own)
            start += own
            for _ in range(own):
                rendition, end = self._pick(self._pieces[dataset], random)
                mel, cochleagram = windows(rendition, end, self._recipe.front_end)
                mels.append(mel)
                cochleagrams.append(cochleagram)
                labels.append(rendition.labels_at(self._seconds(end)))
                tracks.append(self._tracks[rendition.piece.dataset, rendition.piece.name])
                styles.append(self._styles[_style(rendition)])
        return LabelledBatch(
            torch.cat(mels),
            torch.cat(cochleagrams),
            torch.from_numpy(np.concatenate(labels)),
            rows,
            torch.tensor(tracks),
            torch.tensor(styles),
        )

    def _pick(
        self, pieces: list[list[Rendition]], random: np.random.Generator
    ) -> tuple[Rendition, NDArray[np.int64]]:
        spec = self._recipe.front_end
        versions = pieces[random.integers(len(pieces))]
        rendition = versions[random.integers(len(versions))]
        rate = spec.sample_rate / spec.hop
        labelled_from, labelled_to = rendition.piece.labelled_span
        last = int(min(len(rendition.frames), labelled_to / rendition.rendering.tempo * rate))
        least = int(max(FIRST_ESTIMATE_SECONDS, labelled_from / rendition.rendering.tempo) * rate)
        if random.random() < self._recipe.cold_start:
            last = min(last, max(least, spec.window_frames))
        else:
            least = max(least, spec.window_frames)
        return rendition, np.array([random.integers(min(least, last), last + 1)])

    def _seconds(self, ends: NDArray[np.int64]) -> NDArray[np.float64]:
        spec = self._recipe.front_end
        return ends * spec.hop / spec.sample_rate


class PoolSampler:
    """Batches of windows without labels: pieces uniformly, then times."""

    def __init__(self, renditions: list[Rendition], spec: FrontEndSpec) -> None:
        if not renditions:
            raise ValueError("the pool of music without labels is empty")
        self._renditions, self._spec = renditions, spec

    def batch(self, count: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw mel (count, mel_bands, T) and cochleagram (count, gammatone_channels, T)."""
        parts = []
        for k in random.integers(len(self._renditions), size=count):
            rendition = self._renditions[k]
            last = len(rendition.frames)
            end = random.integers(min(self._spec.window_frames, last), last + 1, size=1)
            parts.append(windows(rendition, end, self._spec))
        mels, cochleagrams = zip(*parts, strict=True)
        return torch.cat(mels), torch.cat(cochleagrams)


def _style(rendition: Rendition) -> str:
    return f"{rendition.piece.dataset} {rendition.piece.style}"


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

    def batch(self, count: int, random: np.random.Generator) -> EmbeddedBatch:
        """Draw `count` windows."""
        return self.at(random.integers(len(self), size=count))

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
