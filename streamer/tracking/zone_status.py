"""Counters and errors of one zone, for health, metrics and dashboard."""

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from streamer.tracking.update import Update


class InputLosses(NamedTuple):
    """Counters of a zone's sources since the start; see `streamer.audio.Source`."""

    overruns: int = 0
    non_finite: int = 0
    clipped: int = 0


@dataclass(slots=True)
class ZoneStatus:
    """Live counters and errors of one zone; written by its tracker only.

    Attributes
    ----------
    estimates
        Updates made.
    dropped
        Windows without an update: replaced by a newer one, too old, or failed in the engine.
    restarts
        How often the audio came back after it was lost.
    gaps
        Interruptions of the audio, restarts included.
    input_losses
        Overruns, non-finite samples and clipped samples of the input.
    last_error
        Why there is no audio. Empty while there is.
    engine_error
        Why the last window was not estimated. Empty if it was.
    ended
        Whether tracking is over: the audio has ended, or failed for good.
    last_update
        The newest update. None before the first.
    last_audio
        `time.monotonic()` of the newest audio block. None before the first.
    """

    estimates: int = 0
    dropped: int = 0
    restarts: int = 0
    gaps: int = 0
    input_losses: InputLosses = field(default_factory=InputLosses)
    last_error: str = ""
    engine_error: str = ""
    ended: bool = False
    last_update: Update | None = None
    last_audio: float | None = None

    @property
    def seconds_since_audio(self) -> float:
        """Seconds since the newest audio block. 0 before the first."""
        return time.monotonic() - self.last_audio if self.last_audio is not None else 0.0
