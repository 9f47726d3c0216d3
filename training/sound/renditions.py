"""Renditions of pieces: which renderings to use, their frames, and windows cut from them."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from damer.views import FrontEndSpec
from training.datasets import Piece
from training.sound.render import Rendering

FIRST_ESTIMATE_SECONDS = 1.0  # as in the runtime: shorter windows are never predicted
RECORDED = Rendering()

PieceRendering = tuple[Piece, Rendering]


@dataclass(frozen=True, slots=True)
class Rendition:
    """A piece in one rendering, with its frames.

    Attributes
    ----------
    piece
        The piece.
    rendering
        How it is rendered.
    frames
        Both views, (frames, mel_bands + gammatone_channels): memory-mapped float16, or float32 if
        precomputed by others.
    """

    piece: Piece
    rendering: Rendering
    frames: NDArray[np.floating[Any]]

    def seconds(self, spec: FrontEndSpec) -> float:
        """Length in seconds."""
        return len(self.frames) * spec.hop / spec.sample_rate

    def labels_at(self, times: NDArray[np.float64]) -> NDArray[np.float32]:
        """Valence and arousal at times in seconds of this rendition, (n, 2)."""
        return self.piece.labels_at(times * self.rendering.pace)


def all_renderings(pieces: list[Piece], renderings: list[Rendering]) -> list[PieceRendering]:
    """Pair each MIDI piece with the renderings that have a sound font, and recordings with others.

    Each recording is also used as it is, `RECORDED`.
    """
    synthesised = [one for one in renderings if one.sound_font]
    played = [RECORDED, *(one for one in renderings if not one.sound_font)]
    return [
        (piece, rendering)
        for piece in pieces
        for rendering in (synthesised if piece.is_midi else played)
    ]


def plain_and_varied(recordings: list[Piece], renderings: list[Rendering]) -> list[PieceRendering]:
    """Pair each recording with `RECORDED`, and with one rendering without a sound font.

    Which one depends on the name of the recording only.
    """
    varied = [one for one in renderings if not one.sound_font]
    pairs = []
    for piece in recordings:
        pairs.append((piece, RECORDED))
        if varied:
            pairs.append((piece, varied[crc32(piece.name.encode()) % len(varied)]))
    return pairs


def rotating_renderings(pieces: list[Piece], renderings: list[Rendering]) -> list[PieceRendering]:
    """Pair each MIDI piece with one rendering, rotating through them within each data set.

    Recordings are used as they are. Renderings without a sound font, for recordings, are left out.

    The rendering of a piece depends on the pieces before it, so call this before any split.

    Raises
    ------
    ValueError
        A piece is MIDI, and no rendering has a sound font.
    """
    counts: Counter[str] = Counter()
    synthesised = [one for one in renderings if one.sound_font]
    paired = []
    for piece in pieces:
        if piece.is_midi and not synthesised:
            raise ValueError(
                f"cannot render {piece.dataset}: it is MIDI, and the recipe has no `renderings`"
            )
        index = counts[piece.dataset] % len(synthesised) if piece.is_midi else 0
        counts[piece.dataset] += 1
        paired.append((piece, synthesised[index] if piece.is_midi else RECORDED))
    return paired


def cut_windows(
    rendition: Rendition, ends: NDArray[np.int64], spec: FrontEndSpec
) -> tuple[Tensor, Tensor]:
    """Cut the windows of T frames that end before the frames `ends`, (n,).

    Frames before the start are those of digital silence, as in the runtime.

    Returns
    -------
    mel
        (n, mel_bands, T).
    cochleagram
        (n, gammatone_channels, T).
    """
    frames, length = rendition.frames, spec.window_frames
    windows = np.empty((len(ends), length, frames.shape[1]), dtype=np.float32)
    windows[:, :, : spec.mel_bands] = np.log(spec.mel_floor)
    windows[:, :, spec.mel_bands :] = 0.0
    for window, end in zip(windows, ends, strict=True):
        available = min(int(end), length)
        window[length - available :] = frames[end - available : end]
    both = torch.from_numpy(windows).transpose(1, 2)
    return both[:, : spec.mel_bands].contiguous(), both[:, spec.mel_bands :].contiguous()


def window_ends(rendition: Rendition, interval: float, spec: FrontEndSpec) -> NDArray[np.int64]:
    """Frames at which windows end, one every `interval` seconds from the first estimate on, (n,).

    A rendition shorter than `FIRST_ESTIMATE_SECONDS` has one window, which ends with it.
    """
    seconds = rendition.seconds(spec)
    times = np.arange(min(FIRST_ESTIMATE_SECONDS, seconds), seconds + 1e-9, interval)
    return np.minimum((times * spec.sample_rate / spec.hop).astype(np.int64), len(rendition.frames))
