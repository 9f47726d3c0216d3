"""What is known of a zone's room."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from streamer.audio.paths import is_url
from streamer.config import Zone
from streamer.decoder.urls import public
from streamer.tracking.correction import Correction
from streamer.tracking.gain import LEAST, MOST


class Calibration(BaseModel):
    """One measurement of one zone; it holds for what was listened to then.

    Attributes
    ----------
    input, device, channels
        What was listened to, as the configuration names it; of a URL no user, password or query.
    gain_db
        What the sound is to be raised by.
    correction
        What is to be done to the estimates.
    level_dbfs
        Programme level of the music as it came in.
    reference
        The clips that were played; empty where none were.
    measured
        When.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    input: str
    device: str = ""
    channels: tuple[int, ...] = ()
    gain_db: Annotated[float, Field(ge=LEAST, le=MOST)]
    correction: Correction = Correction()
    level_dbfs: float
    reference: tuple[str, ...] = ()
    measured: datetime

    @classmethod
    def of(cls, zone: Zone, **found: Any) -> "Calibration":
        """Return what was `found` now, listening to what the zone's configuration names."""
        return cls(measured=datetime.now().astimezone(), **_heard(zone), **found)

    def holds_for(self, zone: Zone) -> bool:
        """Whether the zone listens to the same."""
        return all(getattr(self, key) == value for key, value in _heard(zone).items())

    @property
    def heard(self) -> str:
        """What was listened to, for people."""
        return " ".join(filter(None, (self.input, self.device)))

    def __str__(self) -> str:
        said = f"gain {self.gain_db:+.1f} dB"
        for axis in ("valence", "arousal"):
            line = getattr(self.correction, axis)
            if (line.offset, line.scale) != (0.0, 1.0):
                said += f", {axis} {line.offset:+.2f} {line.scale:.2f}x"
        return f"{said}, measured {self.measured:%Y-%m-%d %H:%M}"


def _heard(zone: Zone) -> dict[str, Any]:
    shown = public(zone.input) if is_url(zone.input) else zone.input
    return {"input": shown, "device": zone.device, "channels": zone.channels}
