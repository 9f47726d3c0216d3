"""Valence and arousal that published regression heads predict from MusiCNN's embedding.

Three heads of Essentia's models (Music Technology Group, UPF; CC BY-NC-SA 4.0), trained by their
authors on DEAM and emoMusic: two linear, one with a hidden layer. They know no other data set, so
they are the zero-shot baseline, and help to label music for fits. `musicnn-heads.npz` holds their
weights.
"""

import hashlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from training.datasets.tables import NINE_POINT
from training.sound.teacher import EMBEDDING_SIZE

HEADS = ("deam1", "emomusic1", "emomusic2")
TRAINED_ON = frozenset({"deam", "deam-dynamic", "emomusic", "emomusic-dynamic"})
"""Data sets whose labels the heads know: an evaluation on these must not use the heads."""
PUBLISHED_WEIGHT = 0.3
"""Weight of published networks beside a regressor that is fitted to labels."""
FILE = Path("teachers/musicnn-heads.npz")
"""The weights, below a data folder."""

_Weights = dict[str, NDArray[np.float64]]


class AffectHeads:
    """Heads that predict valence and arousal from MusiCNN's embeddings.

    Parameters
    ----------
    file
        Weights, an `.npz`.

    Raises
    ------
    ValueError
        The file is missing or damaged, or holds other heads.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise ValueError(
                f"cannot load the valence and arousal heads: {file} is missing; convert them from "
                "essentia.upf.edu/models (deam-msd-musicnn, emomusic-msd-musicnn)"
            )
        try:
            with np.load(file) as content:
                self._weights: _Weights = {
                    name: content[name].astype(np.float64)
                    for name in content.files
                    if name.partition("_")[0] in HEADS
                }
            self._predict(np.zeros((1, EMBEDDING_SIZE)))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise ValueError(f"cannot load {file}: it is damaged ({error}); replace it") from None

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""
        content = hashlib.sha256()
        for name, values in sorted(self._weights.items()):
            content.update(name.encode() + values.tobytes())
        return content.hexdigest()

    def predict(self, embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
        """Predict valence and arousal of each head in [-1, 1], (n, heads, 2), from (n, 200)."""
        return self._predict(embeddings.astype(np.float64))

    def predict_mean(self, embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
        """Predict the mean valence and arousal over the heads in [-1, 1], (n, 2), from (n, 200)."""
        mean: NDArray[np.float64] = self.predict(embeddings).mean(axis=1)
        return mean

    def _predict(self, embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
        outputs = [_apply(self._weights, name, embeddings) for name in HEADS]
        return NINE_POINT.convert(np.stack(outputs, axis=1))


def find_affect_heads(roots: list[Path], *, required: bool) -> AffectHeads | None:
    """Load the heads from the first data folder that has them; None if none has.

    Raises
    ------
    ValueError
        No folder has them and they are required, or they are damaged.
    """
    file = next((root / FILE for root in roots if (root / FILE).is_file()), FILE)
    return AffectHeads(file) if required or file.is_file() else None


def _apply(weights: _Weights, name: str, embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply one head, linear or with a hidden layer of rectified units; return (n, 2)."""
    if f"{name}_hidden_weight" not in weights:
        return embeddings @ weights[f"{name}_weight"] + weights[f"{name}_bias"]
    hidden = embeddings @ weights[f"{name}_hidden_weight"] + weights[f"{name}_hidden_bias"]
    output: NDArray[np.float64] = np.maximum(hidden, 0.0) @ weights[f"{name}_out_weight"]
    return output + weights[f"{name}_out_bias"]
