"""Turn the engine's estimates of one zone into updates: correct, smooth, handle silence.

Standard deviations come from the network. The correction scales them and the smoother filters them
(see `streamer.tracking.smoother`); in silence they go to 0.5, or stay.
"""

import math
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from streamer.engines import KalmanSettings
from streamer.tracking.smoother import make_smoother
from streamer.tracking.update import Affect, Update
from streamer.tracking.windows import Window

MIN_SCALE, MAX_SCALE, MAX_OFFSET = 0.5, 2.0, 0.5

_DECAY_S = 3.0  # time constant of a lighting fade: fast enough to be seen, slow enough not to jerk
_NEUTRAL_STD = 0.5


class AffineCorrection(BaseModel):
    """Correction of one axis: `offset + scale * value`.

    Attributes
    ----------
    offset
        -0.5..0.5. Default: 0.
    scale
        0.5..2. Default: 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    offset: Annotated[float, Field(ge=-MAX_OFFSET, le=MAX_OFFSET)] = 0.0
    scale: Annotated[float, Field(ge=MIN_SCALE, le=MAX_SCALE)] = 1.0

    def __call__(self, value: float) -> float:
        """Return the corrected value, clipped to [-1, 1]."""
        return min(1.0, max(-1.0, self.offset + self.scale * value))


class Correction(BaseModel):
    """Correction of both axes for the effect of a room. Default: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    valence: AffineCorrection = AffineCorrection()
    arousal: AffineCorrection = AffineCorrection()

    def __call__(self, affect: Affect) -> Affect:
        """Return the corrected estimate; standard deviations are scaled."""
        return Affect(
            self.valence(affect.valence),
            self.arousal(affect.arousal),
            affect.valence_std * self.valence.scale,
            affect.arousal_std * self.arousal.scale,
        )


class Trajectory:
    """Trajectory of one zone in the valence/arousal plane.

    In silence the estimates are ignored: the trajectory decays to neutral or holds.

    Parameters
    ----------
    sample_rate
        Of zone time, in Hz.
    smoother
        Name of the smoother.
    settings
        Settings of the Kalman smoother that belong to the weights.
    on_silence
        "decay" or "hold".

    Attributes
    ----------
    correction
        Applied to each estimate first.
    hold_output
        Whether the trajectory stays at its last value, whatever the estimates.
    """

    def __init__(
        self,
        sample_rate: int,
        smoother: str,
        settings: KalmanSettings,
        on_silence: Literal["decay", "hold"],
    ) -> None:
        self.correction = Correction()
        self.hold_output = False
        self._sample_rate = sample_rate
        self._settings = settings
        self._smoother_name = smoother
        self._smoother = make_smoother(smoother, settings)
        self._decays = on_silence == "decay"
        self._last: Affect | None = None
        self._end_sample = 0

    def configure(self, smoother: str, on_silence: Literal["decay", "hold"]) -> None:
        """Use another smoother or silence behaviour from now on; the trajectory continues."""
        self._decays = on_silence == "decay"
        if smoother != self._smoother_name:
            self._smoother_name = smoother
            self._smoother = make_smoother(smoother, self._settings)
            if self._last is not None:
                self._smoother.reset_to(self._last)

    @property
    def delay(self) -> float:
        """Seconds by which the smoother lags behind the estimates now."""
        return self._smoother.delay

    def step(self, window: Window, raw: Affect) -> Update:
        """Process the estimate of the next window; return the update."""
        seconds = (window.end_sample - self._end_sample) / self._sample_rate
        self._end_sample = window.end_sample
        raw = self.correction(raw)
        if self.hold_output and self._last is not None:
            smooth = self._last
            self._smoother.reset_to(smooth)
        elif window.silence:
            smooth = self._in_silence(seconds)
            self._smoother.reset_to(smooth)
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

    def _in_silence(self, seconds: float) -> Affect:
        if self._last is None:
            return Affect(0.0, 0.0, _NEUTRAL_STD, _NEUTRAL_STD)
        if not self._decays:
            return self._last
        left = math.exp(-seconds / _DECAY_S)
        return replace(
            self._last,
            valence=self._last.valence * left,
            arousal=self._last.arousal * left,
            valence_std=_NEUTRAL_STD + (self._last.valence_std - _NEUTRAL_STD) * left,
            arousal_std=_NEUTRAL_STD + (self._last.arousal_std - _NEUTRAL_STD) * left,
        )
