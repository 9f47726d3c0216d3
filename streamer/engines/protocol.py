"""What every engine offers."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from damer.views import FrontEndSpec

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Answers for a batch of windows, each array float32 of shape (B,).

    Valence and arousal lie in [-1, 1]; the standard deviations are positive.
    """

    valence: Array
    arousal: Array
    valence_std: Array
    arousal_std: Array


@dataclass(frozen=True, slots=True)
class KalmanSettings:
    """How the model's estimates become a trajectory, fitted on validation data.

    Attributes
    ----------
    drift
        Variance that the true value gains a second, (valence, arousal).
    correlation
        Seconds for which the noise of estimates stays alike, because their windows overlap: an
        estimate every dt seconds counts as one of 1 + correlation / dt times its variance.
    deviation_scale
        Factor from the estimates' deviation to the trajectory's, (valence, arousal).
    """

    drift: tuple[float, float]
    correlation: float
    deviation_scale: tuple[float, float]


class Engine(Protocol):
    """Runs the network. Shared by all zones, immutable, thread-safe.

    Attributes
    ----------
    name
        What really runs, for people: library and device.
    model
        Short name of the weights.
    front_end
        What the weights must be fed with.
    smoothing
        Settings of the Kalman smoother that belong to the weights.
    last_error
        Why it is not the engine that was asked for, or "".
    """

    @property
    def name(self) -> str:
        """What really runs."""
        ...

    @property
    def last_error(self) -> str:
        """Why it is not the engine that was asked for, or ""."""
        ...

    model: str
    front_end: FrontEndSpec
    smoothing: KalmanSettings

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Answer for mel (B, mel_bands, T) and cochleagram (B, gammatone_channels, T)."""
        ...
