"""Update of a zone's trajectory, offered to every sink; age at which an estimate is stale."""

from dataclasses import dataclass

MAX_ESTIMATE_AGE_S = 2.0
"""Seconds after its capture from which an estimate is too old: it is dropped, never published."""


@dataclass(frozen=True, slots=True)
class Affect:
    """Point in the valence/arousal plane (Russell's circumplex), with its uncertainty.

    Attributes
    ----------
    valence, arousal
        In [-1, 1]: unpleasant to pleasant, calm to excited.
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
        Number of the tick. Its window ends with the last frame that is complete once the source has
        delivered all samples before zone sample floor(tick * 22050 / rate).
    time
        End of the window in seconds of zone time.
    captured
        `time.monotonic()` at which the window's newest sample was captured.
    raw, smooth
        The engine's estimate for this window alone, and the smoothed trajectory.
    silence
        Whether the zone is silent.
    warm
        Share of the window filled with audio since the last start or gap, 0..1.
    level
        RMS of the last 100 ms in dBFS, at least -120.
    """

    tick: int
    time: float
    captured: float
    raw: Affect
    smooth: Affect
    silence: bool
    warm: float
    level: float
