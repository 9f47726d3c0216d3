"""From windows and estimates to the updates of one zone."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from streamer.engines import Engine, Estimate, KalmanSettings
from streamer.tracking.correction import Correction
from streamer.tracking.smoother import make_smoother
from streamer.tracking.update import Affect, Update
from streamer.tracking.windows import Window

_DECAY_SECONDS = 3.0  # a lighting fade: quick enough to be seen, slow enough not to jerk
_NEUTRAL_STD = 0.5


def infer(engine: Engine, windows: list[Window]) -> list[Affect]:
    """Estimate a batch of windows."""
    mel = np.stack([window.mel for window in windows])
    cochleagram = np.stack([window.cochleagram for window in windows])
    return _affects(engine.infer(mel, cochleagram))


def _affects(estimate: Estimate) -> list[Affect]:
    columns = (estimate.valence, estimate.arousal, estimate.valence_std, estimate.arousal_std)
    return [Affect(*row) for row in np.stack(columns, axis=1).astype(float).tolist()]


class Trajectory:
    """Smooths one zone's estimates and minds its silences.

    In silence the engine's word counts for nothing: the trajectory decays to neutral or holds.

    Parameters
    ----------
    sample_rate
        Zone samples a second.
    smoother
        Name of the smoother.
    settings
        The Kalman settings that belong to the weights.
    on_silence
        "decay" or "hold".

    Attributes
    ----------
    correction
        What is done to each estimate before anything else.
    frozen
        Whether the trajectory stays where it is, whatever is heard.
    """

    def __init__(
        self,
        sample_rate: int,
        smoother: str,
        settings: KalmanSettings,
        on_silence: Literal["decay", "hold"],
    ) -> None:
        self.correction = Correction()
        self.frozen = False
        self._sample_rate = sample_rate
        self._settings = settings
        self._smoother_name = smoother
        self._smoother = make_smoother(smoother, settings)
        self._decays = on_silence == "decay"
        self._last: Affect | None = None
        self._end_sample = 0

    def retune(self, smoother: str, on_silence: Literal["decay", "hold"]) -> None:
        """Go on from here with another smoother or another way to rest."""
        self._decays = on_silence == "decay"
        if smoother != self._smoother_name:
            self._smoother_name = smoother
            self._smoother = make_smoother(smoother, self._settings)
            if self._last is not None:
                self._smoother.settle(self._last)

    @property
    def delay(self) -> float:
        """Seconds by which the smoother lags behind the raw estimates now."""
        return self._smoother.delay

    def step(self, window: Window, raw: Affect) -> Update:
        """Take a window and its estimate, in the order of time; give the update."""
        seconds = (window.end_sample - self._end_sample) / self._sample_rate
        self._end_sample = window.end_sample
        raw = self.correction(raw)
        if self.frozen and self._last is not None:
            smooth = self._last
            self._smoother.settle(smooth)
        elif window.silence:
            smooth = self._rest(seconds)
            self._smoother.settle(smooth)
        else:
            smooth = self._smoother.step(raw, seconds)
        self._last = smooth
        return Update(
            tick=window.tick,
            time=window.end_sample / self._sample_rate,
            captured=window.captured,
            raw=raw,
            smooth=smooth,
            silence=window.silence,
            warm=window.warm,
            level=window.level,
        )

    def _rest(self, seconds: float) -> Affect:
        if self._last is None:
            return Affect(0.0, 0.0, _NEUTRAL_STD, _NEUTRAL_STD)
        if not self._decays:
            return self._last
        left = math.exp(-seconds / _DECAY_SECONDS)
        return replace(
            self._last,
            valence=self._last.valence * left,
            arousal=self._last.arousal * left,
            valence_std=_NEUTRAL_STD + (self._last.valence_std - _NEUTRAL_STD) * left,
            arousal_std=_NEUTRAL_STD + (self._last.arousal_std - _NEUTRAL_STD) * left,
        )
