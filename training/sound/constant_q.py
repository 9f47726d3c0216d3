"""Constant-Q transform in place of the gammatone cochleagram, for the ablation only.

84 bins, twelve an octave from C1 (32.7 Hz), by librosa. It looks ahead, so it cannot run live. Its
frames take the cochleagram's columns and compression, in a cache of their own, so that everything
else stays the same.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import librosa
import numpy as np

from damer.views import FrontEnd, FrontEndSpec
from training.datasets import Piece
from training.sound.feature_cache import compute_frames
from training.sound.render import Rendering, load_audio
from training.sound.renditions import PieceRendering


def constant_q_cache(cache: Path) -> Path:
    """Folder of the cache for frames with the constant-Q view."""
    return cache / "constant-q"


def compute_constant_q(renditions: list[PieceRendering], spec: FrontEndSpec, cache: Path) -> None:
    """Compute the missing frames with this view, in `constant_q_cache(cache)`."""
    compute = _ComputeConstantQ(spec)
    compute_frames("Computing constant-Q", renditions, spec, constant_q_cache(cache), compute)


@dataclass(frozen=True)
class _ComputeConstantQ:
    spec: FrontEndSpec

    def __call__(self, piece: Piece, rendering: Rendering, file: BinaryIO) -> None:
        spec = self.spec
        audio = load_audio(piece, rendering, spec.sample_rate)
        mel = FrontEnd(spec).push(audio).mel
        bins = librosa.cqt(
            y=audio, sr=spec.sample_rate, hop_length=spec.hop, n_bins=spec.gammatone_channels
        )
        view = np.abs(bins.T[: len(mel)]) ** (2 * spec.compression)
        np.save(file, np.concatenate([mel, view], axis=1).astype(np.float16))
