"""Causal smoothers of valence and arousal, stepped by the true time between estimates.

Where do the standard deviations come from? From the network, with each estimate. The Kalman filter
weights estimates by them, and outputs them smoothed like the estimates and scaled by a factor that
was fitted on validation data. The other smoothers pass on those of the newest estimate.
"""

import math
from dataclasses import replace
from typing import Protocol

from streamer.engines.protocol import KalmanSettings
from streamer.tracking.update import Affect

_PRIOR_VARIANCE = 0.25


class Smoother(Protocol):
    """Smooths the estimates of one zone.

    Attributes
    ----------
    delay
        Seconds by which the output now lags behind estimates that move steadily.
    """

    delay: float

    def step(self, raw: Affect, seconds: float) -> Affect:
        """Return the smoothed estimate; `seconds` have passed since the last one."""
        ...

    def reset_to(self, affect: Affect) -> None:
        """Continue from this point, as after a silence."""
        ...


class Kalman:
    """Kalman filter on each axis, driven by the network's standard deviations.

    The state is a random walk whose variance grows by `drift` per second. Windows overlap, so the
    noise of successive estimates is correlated. Its variance is inflated, the more the closer the
    estimates follow, so that the filter responds equally fast at every rate. Most of an estimate's
    error lasts as long as the piece, and no filter can remove it. So the output deviation is not
    that of the filter's state but that of the estimates, smoothed likewise and scaled.

    Parameters
    ----------
    settings
        Fitted on validation data; they belong to the weights.
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

    def reset_to(self, affect: Affect) -> None:
        """See `Smoother.reset_to`."""
        self._valence.reset_to(affect.valence, affect.valence_std)
        self._arousal.reset_to(affect.arousal, affect.arousal_std)


class _Axis:
    """Kalman filter of one axis."""

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

    def reset_to(self, value: float, std: float) -> None:
        self._value, self._deviation = value, std / self._deviation_scale
        self._variance = _PRIOR_VARIANCE


class Exponential:
    """First-order low pass.

    Parameters
    ----------
    time_constant
        In seconds.
    """

    def __init__(self, time_constant: float = 0.8) -> None:
        self.delay = self._time_constant = time_constant
        self._last: Affect | None = None

    def step(self, raw: Affect, seconds: float) -> Affect:
        """See `Smoother.step`. The standard deviations are those of `raw`."""
        if self._last is not None:
            weight = -math.expm1(-seconds / self._time_constant)
            raw = replace(
                raw,
                valence=self._last.valence + weight * (raw.valence - self._last.valence),
                arousal=self._last.arousal + weight * (raw.arousal - self._last.arousal),
            )
        self._last = raw
        return raw

    def reset_to(self, affect: Affect) -> None:
        """See `Smoother.reset_to`."""
        self._last = affect


class OneEuro:
    """One-euro filter: low cut-off while the estimates rest, higher the faster they move.

    Casiez, Roussel, Vogel, "1 € Filter", CHI 2012.

    Parameters
    ----------
    min_cutoff
        Cut-off at rest in Hz.
    beta
        Increase of the cut-off with speed.
    """

    def __init__(self, min_cutoff: float = 0.15, beta: float = 0.5) -> None:
        self.delay = 0.0
        self._min_cutoff, self._beta = min_cutoff, beta
        self._last: Affect | None = None
        self._speeds = (0.0, 0.0)

    def step(self, raw: Affect, seconds: float) -> Affect:
        """See `Smoother.step`. The standard deviations are those of `raw`."""
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
        """Return the smoothed value, the smoothed speed and the lag of one axis."""
        speed += _low_pass(1.0, seconds) * ((value - last) / seconds - speed)
        weight = _low_pass(self._min_cutoff + self._beta * abs(speed), seconds)
        return last + weight * (value - last), speed, _lag(weight, seconds)

    def reset_to(self, affect: Affect) -> None:
        """See `Smoother.reset_to`."""
        self._last, self._speeds = affect, (0.0, 0.0)


def _low_pass(cutoff: float, seconds: float) -> float:
    """Return the weight of a new value in a first-order low pass."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff * seconds))


def _lag(weight: float, seconds: float) -> float:
    """Return the lag of a first-order low pass, from the weight of a value every `seconds`."""
    return (1.0 - weight) / weight * seconds


class Unsmoothed:
    """Passes the estimates on unchanged."""

    delay = 0.0

    def step(self, raw: Affect, seconds: float) -> Affect:  # noqa: ARG002
        """See `Smoother.step`."""
        return raw

    def reset_to(self, affect: Affect) -> None:
        """See `Smoother.reset_to`."""


def make_smoother(name: str, settings: KalmanSettings) -> Smoother:
    """Return a new smoother: "kalman", "one-euro", "exponential" or "none"."""
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
