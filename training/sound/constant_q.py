"""A constant-Q transform in the place of the gammatone cochleagram, for ablation only.

84 bins, twelve an octave from C1 (32.7 Hz), by librosa. It looks ahead and cannot run live. Its
frames lie in a cache of their own, where they take the columns of the cochleagram with its
compression, so that everything else is the same.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import librosa
import numpy as np

from damer.views import FrontEnd, FrontEndSpec
from training.datasets import Piece
from training.sound.features import Work, compute_frames
from training.sound.render import Rendering, sound_of


def constant_q_cache(cache: Path) -> Path:
    """Give the cache in which the frames of this view lie."""
    return cache / "constant-q"


def hear_constant_q(work: list[Work], spec: FrontEndSpec, cache: Path) -> None:
    """Compute what is missing of the frames with this view, in `constant_q_cache(cache)`."""
    compute_frames("Hearing constant-Q", work, spec, constant_q_cache(cache), _Hear(spec))


@dataclass(frozen=True)
class _Hear:
    spec: FrontEndSpec

    def __call__(self, piece: Piece, rendering: Rendering, file: BinaryIO) -> None:
        spec = self.spec
        sound = sound_of(piece, rendering, spec.sample_rate)
        mel = FrontEnd(spec).push(sound).mel
        bins = librosa.cqt(
            y=sound, sr=spec.sample_rate, hop_length=spec.hop, n_bins=spec.gammatone_channels
        )
        view = np.abs(bins.T[: len(mel)]) ** (2 * spec.compression)
        np.save(file, np.concatenate([mel, view], axis=1).astype(np.float16))
