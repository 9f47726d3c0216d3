"""How the engine is served."""

from dataclasses import dataclass
from pathlib import Path

from streamer.engines import Backend, Require


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What each replica is told.

    Attributes
    ----------
    model, backend, require
        As for `streamer.engines.open_engine`.
    password_file
        Users and passwords as mosquitto keeps them; None: anybody may ask.
    largest_batch
        Windows that one call of the engine answers, at most; no fewer than one question may hold.
    batch_wait
        Seconds that a window waits for others, at most.
    """

    model: Path
    backend: Backend
    require: Require
    password_file: Path | None
    largest_batch: int
    batch_wait: float
