"""Valence and arousal that published networks know of any music, without our labels.

Arousal is that of the heads on MusiCNN's embedding. Valence is theirs too or, with YAMNet, half
theirs and half that of YAMNet's moods: the heads know popular songs best, the moods piano and game
music.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from training.sound.affect_heads import AffectHeads, find_affect_heads
from training.sound.feature_cache import load_embeddings, load_tags
from training.sound.renditions import PieceRendering
from training.sound.tagger import CLASSES, FILE, Tagger, find_tagger
from training.sound.teacher import EMBEDDING_SIZE

MOOD_VALENCE = {"happy": 1.0, "tender": 1.0, "sad": -1.0, "angry": -1.0, "scary": -1.0}
"""Sign of the valence of YAMNet's moods (Russell, "A circumplex model of affect", JPSP 1980)."""
_MOODS = [EMBEDDING_SIZE + [*CLASSES].index(mood) for mood in MOOD_VALENCE]
_SIGNS = np.array([*MOOD_VALENCE.values()])


class PublishedModels(NamedTuple):
    """Networks that others trained on other labels.

    Attributes
    ----------
    heads
        Valence and arousal heads on MusiCNN's embedding.
    tagger
        YAMNet. Default: none.
    """

    heads: AffectHeads
    tagger: Tagger | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the networks' files."""
        own = self.heads.digest + (self.tagger.digest if self.tagger else "")
        return hashlib.sha256(own.encode()).hexdigest()

    def load_features(
        self, renditions: list[PieceRendering], cache: Path
    ) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
        """Load ends of MusiCNN's windows in seconds, (n,), and features; compute missing ones.

        Features are the embedding, (n, 200), then YAMNet's classes if there is a tagger.

        Raises
        ------
        FileNotFoundError, ValueError
            As `load_embeddings` and `load_tags`.
        """
        embedded = load_embeddings(renditions, cache)
        if self.tagger is None:
            return embedded
        tagged = load_tags(renditions, self.tagger, cache)
        return [
            (ends, np.concatenate([embedding, tags], axis=1))
            for (ends, embedding), (_, tags) in zip(embedded, tagged, strict=True)
        ]


def find_published_models(roots: list[Path], *, required: bool) -> PublishedModels | None:
    """Load the heads, and YAMNet if it is there; None if there are no heads.

    Parameters
    ----------
    roots
        Data folders.
    required
        Whether both must be there.

    Raises
    ------
    ValueError
        A required network is missing, or one is damaged.
    """
    heads = find_affect_heads(roots, required=required)
    if heads is None:
        return None
    has_tagger = any((root / FILE).is_file() for root in roots)
    return PublishedModels(heads, find_tagger(roots) if required or has_tagger else None)


class PublishedAffect:
    """Valence and arousal of published networks, in arbitrary units.

    Parameters
    ----------
    heads
        Valence and arousal heads on MusiCNN's embedding.
    moods
        Whether half of the valence is that of YAMNet's moods.
    """

    def __init__(self, heads: AffectHeads, *, moods: bool) -> None:
        self._heads, self._moods = heads, moods

    def fit(self, features: NDArray[np.float64]) -> Self:
        """Fit the scales of heads and moods to features, (n, 200 or more)."""
        self._heads_scale = StandardScaler().fit(self._of_heads(features))
        if self._moods:
            self._class_scale = StandardScaler().fit(features[:, _MOODS])
            self._mood_scale = StandardScaler().fit(self._of_moods(features))
        return self

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict valence and arousal, (n, 2), about 0 with a deviation of about 1."""
        predicted: NDArray[np.float64] = self._heads_scale.transform(self._of_heads(features))
        if self._moods:
            moods = self._mood_scale.transform(self._of_moods(features))[:, 0]
            predicted[:, 0] = (predicted[:, 0] + moods) / 2
        return predicted

    def _of_heads(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._heads.predict_mean(features[:, :EMBEDDING_SIZE])

    def _of_moods(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        valence: NDArray[np.float64] = self._class_scale.transform(features[:, _MOODS]) @ _SIGNS
        return valence[:, None]
