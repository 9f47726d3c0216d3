"""What the tracker says at each tick."""

from dataclasses import dataclass

STALE = 2.0
"""Seconds after its capture from which an estimate is of no use to anybody, and is left out."""


@dataclass(frozen=True, slots=True)
class Affect:
    """A point in the valence/arousal plane with its uncertainty.

    Attributes
    ----------
    valence, arousal
        In [-1, 1]: unpleasant to pleasant, calm to excited (Russell's circumplex).
    valence_std, arousal_std
        Standard deviations, positive.
    """

    valence: float
    arousal: float
    valence_std: float
    arousal_std: float


@dataclass(frozen=True, slots=True)
class Update:
    """One step of a zone's trajectory.

    Attributes
    ----------
    tick
        Number of the tick: the window ends with the last frame that is complete once the source has
        given all before zone sample floor(k * 22050 / rate).
    time
        End of the window in seconds of zone time.
    captured
        `time.monotonic()` at which the window's newest sample was captured.
    raw, smooth
        The engine's estimate for this window alone, and the trajectory.
    silence
        Whether the gate holds the zone to be silent.
    warm
        Share of the window that was heard since the last start or gap, 0..1.
    level
        Root mean square of the last 100 ms or so, in dBFS; at least -120.
    """

    tick: int
    time: float
    captured: float
    raw: Affect
    smooth: Affect
    silence: bool
    warm: float
    level: float
