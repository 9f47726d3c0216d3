"""What is known of a zone's room.

Where calibrations are kept from run to run: one JSON file, by the names of the zones.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from streamer import limits
from streamer.config import Zone
from streamer.decoder.urls import is_url, redact_url
from streamer.errors import StreamerError
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
    shown = redact_url(zone.input) if is_url(zone.input) else zone.input
    return {"input": shown, "device": zone.device, "channels": zone.channels}


logger = logging.getLogger(__name__)

_CONTENT = TypeAdapter(dict[str, Calibration])


def default_file(environ: Mapping[str, str]) -> Path:
    """Return where calibrations are kept unless the configuration says otherwise.

    `calibration.json` in systemd's `$STATE_DIRECTORY`, else in `$XDG_STATE_HOME/streamer`, by
    default `~/.local/state/streamer`.
    """
    if environ.get("STATE_DIRECTORY"):
        folder = Path(environ["STATE_DIRECTORY"].partition(":")[0])
    elif Path(environ.get("XDG_STATE_HOME", "")).is_absolute():
        folder = Path(environ["XDG_STATE_HOME"], "streamer")
    else:
        folder = Path(environ.get("HOME") or "~").expanduser() / ".local" / "state" / "streamer"
    return folder / "calibration.json"


class CalibrationStore:
    """Calibrations in a file, which is replaced as a whole or not at all.

    Parameters
    ----------
    file
        Need not exist.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def get(self, zone: Zone) -> Calibration | None:
        """Return what holds for a zone; None where nothing does, which is logged if it is odd."""
        try:
            calibration = self.find(zone)
        except StreamerError as error:
            logger.warning("%s; the zone is heard as it comes", error, extra={"zone": zone.id})
            return None
        if calibration is None or calibration.holds_for(zone):
            return calibration
        said = "the calibration was made for another input (%s) and is not used"
        logger.info(said, calibration.heard, extra={"zone": zone.id})
        return None

    def find(self, zone: Zone) -> Calibration | None:
        """Return what is kept for a zone of that name, whatever it listened to.

        Raises
        ------
        StreamerError
            The file cannot be read.
        """
        return self._read().get(zone.id)

    def put(self, zone: str, calibration: Calibration | None) -> None:
        """Keep a zone's calibration in place of an older one; None forgets it.

        Raises
        ------
        StreamerError
            The file cannot be written, or holds something else.
        """
        content = self._read()
        content.pop(zone, None)
        if calibration is not None:
            content[zone] = calibration
        try:
            self._write(_CONTENT.dump_json(content, indent=2))
        except OSError as error:
            raise StreamerError(
                f"cannot keep the calibration in {self.file}: {error.strerror}; "
                "set calibration in [tracking] to a file that can be written"
            ) from None

    def _read(self) -> dict[str, Calibration]:
        try:
            with self.file.open("rb") as file:
                content = file.read(limits.MAX_CALIBRATION_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from None
        if len(content) > limits.MAX_CALIBRATION_BYTES:
            raise self._unreadable("it is too large")
        try:
            return _CONTENT.validate_json(content)
        except ValidationError:
            raise self._unreadable("it is damaged") from None

    def _unreadable(self, why: str) -> StreamerError:
        return StreamerError(
            f"the calibrations in {self.file} cannot be read: {why}; delete the file and "
            "calibrate again"
        )

    def _write(self, content: bytes) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.file.parent, prefix=f".{self.file.name}.")
        try:
            with open(descriptor, "wb") as temporary:  # noqa: PTH123 - it has a descriptor already
                temporary.write(content + b"\n")
                temporary.flush()
                os.fsync(temporary.fileno())
            Path(name).replace(self.file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
