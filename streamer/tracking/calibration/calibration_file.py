"""Calibrations of zones, kept from run to run in one JSON file."""

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
from streamer.tracking.gain import MAX_GAIN_DB, MIN_GAIN_DB
from streamer.tracking.trajectory import Correction

logger = logging.getLogger(__name__)


class Calibration(BaseModel):
    """Gain and correction measured for one zone. Valid for the input it was measured with.

    Attributes
    ----------
    input, device, channels
        The input, as in the zone's configuration. A URL without user, password and query.
    gain_db
        Gain of the audio in dB, -20..30.
    correction
        Correction of the estimates. Default: none.
    level_dbfs
        Programme level of the music before the gain.
    reference
        Names of the reference files that were played. Empty without any.
    measured
        Date and time of the measurement.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    input: str
    device: str = ""
    channels: tuple[int, ...] = ()
    gain_db: Annotated[float, Field(ge=MIN_GAIN_DB, le=MAX_GAIN_DB)]
    correction: Correction = Correction()
    level_dbfs: float
    reference: tuple[str, ...] = ()
    measured: datetime

    @classmethod
    def of(cls, zone: Zone, **values: Any) -> "Calibration":
        """Return a calibration of the zone's input, measured now."""
        return cls(measured=datetime.now().astimezone(), **_input_of(zone), **values)

    def is_valid_for(self, zone: Zone) -> bool:
        """Whether the zone has the input that was measured."""
        return all(getattr(self, key) == value for key, value in _input_of(zone).items())

    def __str__(self) -> str:
        text = f"gain {self.gain_db:+.1f} dB"
        for axis in ("valence", "arousal"):
            line = getattr(self.correction, axis)
            if (line.offset, line.scale) != (0.0, 1.0):
                text += f", {axis} {line.offset:+.2f} {line.scale:.2f}x"
        return f"{text}, measured {self.measured:%Y-%m-%d %H:%M}"


def _input_of(zone: Zone) -> dict[str, Any]:
    name = redact_url(zone.input) if is_url(zone.input) else zone.input
    return {"input": name, "device": zone.device, "channels": zone.channels}


_CONTENT = TypeAdapter(dict[str, Calibration])  # by zone


def default_calibration_path(environ: Mapping[str, str]) -> Path:
    """Return the calibration file that is used unless the configuration names another.

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
    """Calibrations by zone in a JSON file that is replaced atomically.

    Parameters
    ----------
    file
        Created when the first calibration is stored.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def get(self, zone: Zone) -> Calibration | None:
        """Return the calibration stored under the zone's name, whatever its input was.

        Raises
        ------
        StreamerError
            The file cannot be read.
        """
        return self._read().get(zone.id)

    def get_valid(self, zone: Zone) -> Calibration | None:
        """Return the calibration of a zone. None without a valid one; the log says why."""
        try:
            calibration = self.get(zone)
        except StreamerError as error:
            logger.warning("%s; the zone runs uncalibrated", error, extra={"zone": zone.id})
            return None
        if calibration is None or calibration.is_valid_for(zone):
            return calibration
        message = "the calibration was made for another input (%s) and is not used"
        measured = " ".join(filter(None, (calibration.input, calibration.device)))
        logger.info(message, measured, extra={"zone": zone.id})
        return None

    def put(self, zone: str, calibration: Calibration | None) -> None:
        """Store a zone's calibration in place of an earlier one; None deletes it.

        Raises
        ------
        StreamerError
            The file cannot be written, or is not a calibration file.
        """
        content = self._read()
        content.pop(zone, None)
        if calibration is not None:
            content[zone] = calibration
        try:
            self._write(_CONTENT.dump_json(content, indent=2))
        except OSError as error:
            raise StreamerError(
                f"cannot store the calibration in {self.file}: {error.strerror}; "
                "set calibration in [tracking] to a writable file"
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

    def _unreadable(self, cause: str) -> StreamerError:
        return StreamerError(
            f"cannot read the calibrations in {self.file}: {cause}; delete the file and "
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
