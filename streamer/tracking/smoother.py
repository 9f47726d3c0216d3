"""From raw estimates to a smooth trajectory; all causal, all stepped by true time."""

import math
from dataclasses import replace
from typing import Protocol

from streamer.engines.protocol import KalmanSettings
from streamer.tracking.update import Affect

_PRIOR_VARIANCE = 0.25


class Smoother(Protocol):
    """Carries the trajectory of one zone from estimate to estimate.

    Attributes
    ----------
    delay
        Seconds by which a steadily moving trajectory lags behind its estimates now.
    """

    delay: float

    def step(self, raw: Affect, seconds: float) -> Affect:
        """Take the estimate that follows after so many seconds; give the trajectory."""
        ...

    def settle(self, affect: Affect) -> None:
        """Go on from here, as after a silence."""
        ...


class Kalman:
    """A Kalman filter on each axis, driven by the model's own uncertainty.

    The state is a random walk that gains `drift` variance a second. Windows overlap, so the noise
    of successive estimates is correlated: its variance is inflated, the more the closer they
    follow, so that the filter is equally quick at every rate. Most of an estimate's error lasts as
    long as the piece, and no filter can know it: the deviation that is given is that of the
    estimates, smoothed alike and scaled to be right on validation data.
    """

    def __init__(self, settings: KalmanSettings) -> None:
        self.delay = 0.0
        self._valence = _Axis(settings.drift[0], settings.correlation, settings.deviation_scale[0])
        self._arousal = _Axis(settings.drift[1], settings.correlation, settings.deviation_scale[1])

    def step(self, raw: Affect, seconds: float) -> Affect:
        """See `Smoother.step`."""
        valence, valence_std = self._valence.step(raw.valence, raw.valence_std, seconds)
        arousal, arousal_std = self._arousal.step(raw.arousal, raw.arousal_std, seconds)
        self.delay = max(_lag(self._valence.gain, seconds), _lag(self._arousal.gain, seconds))
        return Affect(valence, arousal, valence_std, arousal_std)

    def settle(self, affect: Affect) -> None:
        """See `Smoother.settle`."""
        self._valence.settle(affect.valence, affect.valence_std)
        self._arousal.settle(affect.arousal, affect.arousal_std)


class _Axis:
    def __init__(self, drift: float, correlation: float, deviation_scale: float) -> None:
        self._drift, self._correlation = drift, correlation
        self._deviation_scale = deviation_scale
        self._value, self._deviation, self._variance = 0.0, 0.0, math.inf
        self.gain = 1.0

    def step(self, measured: float, std: float, seconds: float) -> tuple[float, float]:
        noise = std * std * (1.0 + self._correlation / seconds)
        predicted = self._variance + self._drift * seconds
        self.gain = 1.0 if math.isinf(predicted) else predicted / (predicted + noise)
        self._value += self.gain * (measured - self._value)
        self._deviation += self.gain * (std - self._deviation)
        self._variance = self.gain * noise
        return self._value, self._deviation * self._deviation_scale

    def settle(self, value: float, std: float) -> None:
        self._value, self._deviation = value, std / self._deviation_scale
        self._variance = _PRIOR_VARIANCE


class Exponential:
    """First-order low pass with a time constant in seconds."""

    def __init__(self, time_constant: float = 0.8) -> None:
        self.delay = self._time_constant = time_constant
        self._last: Affect | None = None

    def step(self, raw: Affect, seconds: float) -> Affect:
        """See `Smoother.step`. The deviations are the raw ones."""
        if self._last is not None:
            weight = -math.expm1(-seconds / self._time_constant)
            raw = replace(
                raw,
                valence=self._last.valence + weight * (raw.valence - self._last.valence),
                arousal=self._last.arousal + weight * (raw.arousal - self._last.arousal),
            )
        self._last = raw
        return raw

    def settle(self, affect: Affect) -> None:
        """See `Smoother.settle`."""
        self._last = affect


class OneEuro:
    """The one-euro filter: still when the music is still, quick when it changes.

    Casiez, Roussel, Vogel, "1 € Filter", CHI 2012.

    Parameters
    ----------
    least_cutoff
        Cut-off in Hz of a resting signal.
    beta
        Gain of the cut-off with speed.
    """

    def __init__(self, least_cutoff: float = 0.15, beta: float = 0.5) -> None:
        self.delay = 0.0
        self._least_cutoff, self._beta = least_cutoff, beta
        self._last: Affect | None = None
        self._speeds = (0.0, 0.0)

    def step(self, raw: Affect, seconds: float) -> Affect:
        """See `Smoother.step`. The deviations are the raw ones."""
        if self._last is not None:
            valence, valence_speed, valence_lag = self._axis(
                self._last.valence, raw.valence, self._speeds[0], seconds
            )
            arousal, arousal_speed, arousal_lag = self._axis(
                self._last.arousal, raw.arousal, self._speeds[1], seconds
            )
            self._speeds = (valence_speed, arousal_speed)
            self.delay = max(valence_lag, arousal_lag)
            raw = replace(raw, valence=valence, arousal=arousal)
        self._last = raw
        return raw

    def _axis(
        self, last: float, value: float, speed: float, seconds: float
    ) -> tuple[float, float, float]:
        speed += _low_pass(1.0, seconds) * ((value - last) / seconds - speed)
        weight = _low_pass(self._least_cutoff + self._beta * abs(speed), seconds)
        return last + weight * (value - last), speed, _lag(weight, seconds)

    def settle(self, affect: Affect) -> None:
        """See `Smoother.settle`."""
        self._last, self._speeds = affect, (0.0, 0.0)


def _low_pass(cutoff: float, seconds: float) -> float:
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff * seconds))


def _lag(gain: float, seconds: float) -> float:
    """Lag of a first-order filter that takes `gain` of each difference every so many seconds."""
    return (1.0 - gain) / gain * seconds


class Unsmoothed:
    """The raw estimates as they are."""

    delay = 0.0

    def step(self, raw: Affect, seconds: float) -> Affect:  # noqa: ARG002
        """See `Smoother.step`."""
        return raw

    def settle(self, affect: Affect) -> None:
        """See `Smoother.settle`."""


def make_smoother(name: str, settings: KalmanSettings) -> Smoother:
    """Make the smoother that the configuration names."""
    match name:
        case "kalman":
            return Kalman(settings)
        case "one-euro":
            return OneEuro()
        case "exponential":
            return Exponential()
        case "none":
            return Unsmoothed()
    raise ValueError(f"no smoother {name!r}")
