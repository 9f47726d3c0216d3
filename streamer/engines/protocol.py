"""The interface of every engine, and the estimate it returns."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from damer.views import FrontEndSpec

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Predictions for a batch of B windows, each array float32 of shape (B,).

    Attributes
    ----------
    valence, arousal
        In [-1, 1].
    valence_std, arousal_std
        Standard deviations, positive.
    """

    valence: Array
    arousal: Array
    valence_std: Array
    arousal_std: Array


@dataclass(frozen=True, slots=True)
class KalmanSettings:
    """Parameters of the Kalman smoother, fitted on validation data with the weights.

    Attributes
    ----------
    drift
        Process noise: variance that the true value gains per second, (valence, arousal).
    correlation
        Correlation time of the estimates' noise (their windows overlap), in seconds: the variance
        of an estimate every dt seconds is multiplied by 1 + correlation / dt.
    deviation_scale
        Factor that calibrates the smoothed standard deviation, (valence, arousal).
    """

    drift: tuple[float, float]
    correlation: float
    deviation_scale: tuple[float, float]


class Engine(Protocol):
    """Runs the network on batches of windows. Immutable, thread-safe, shared by all zones.

    Attributes
    ----------
    model
        Short name of the weights.
    front_end
        Front end that the weights were trained on.
    smoothing
        Parameters of the Kalman smoother stored with the weights.
    """

    @property
    def name(self) -> str:
        """Library and device in use, for people: "ONNX Runtime 1.23, CPU"."""
        ...

    @property
    def last_error(self) -> str:
        """Why another engine than the requested one is in use, or ""."""
        ...

    model: str
    front_end: FrontEndSpec
    smoothing: KalmanSettings

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Predict B windows from mel (B, mel_bands, T) and cochleagram (B, gammatone_channels, T).

        Raises
        ------
        EngineError
            The engine failed.
        """
        ...
