"""Read a recording: a Parquet file, or the journal of one in progress or left by a crash."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from streamer import limits
from streamer.config.fields import Slug
from streamer.errors import UsageError
from streamer.outputs.recording.file_names import JOURNAL
from streamer.outputs.recording.journal import (
    COLUMN_TYPES,
    COLUMNS,
    FORMAT_KEY,
    FORMAT_VERSION,
    Row,
    read_journal,
)
from streamer.outputs.recording.parquet import MAGIC, DamagedError, read_parquet
from streamer.tracking.update import Update

_NUMBER, _TIME = limits.MAX_RECORDING_ESTIMATE, limits.MAX_RECORDING_TIME_S
_VALID_RANGES = {
    **{name: (-_NUMBER, _NUMBER) for name, kind in COLUMN_TYPES.items() if kind is float},
    "ts": (0, limits.MAX_RECORDING_EPOCH_MS - 1),
    "level": (-limits.MAX_RECORDING_LEVEL_DB, limits.MAX_RECORDING_LEVEL_DB),
    "time": (0.0, _TIME),
    "captured": (0.0, _TIME),
}
"""Smallest and largest valid value of each column."""

_JOURNAL_PREFIX = f'{{"{FORMAT_KEY}":'.encode()


@dataclass(frozen=True)
class Recording:
    """A recorded trajectory of one zone, with at least one estimate.

    Attributes
    ----------
    path
        Its file.
    metadata
        `zone`, `source`, `version` of the program, `model`; with audio also `sound_offset`, the
        seconds to add to an estimate's `time` to get its position in the FLAC file.
    columns
        Arrays of equal length by column name, see `Row`.
    unfinished
        Whether it was read from a journal.
    """

    path: Path
    metadata: dict[str, str]
    columns: dict[str, NDArray[Any]]
    unfinished: bool = False

    def __len__(self) -> int:
        """Return the number of estimates."""
        return len(self.columns["ts"])

    @property
    def zone(self) -> str:
        """Name of the zone."""
        return self.metadata["zone"]

    @property
    def started_at(self) -> datetime:
        """Capture time of the first estimate, in UTC."""
        return datetime.fromtimestamp(int(self.columns["ts"][0]) / 1e3, UTC)

    @property
    def elapsed(self) -> NDArray[np.float64]:
        """Capture time of each estimate in seconds since the first; never decreasing."""
        captured = self.columns["captured"]
        elapsed: NDArray[np.float64] = np.maximum.accumulate(captured - captured[0])
        return elapsed

    @property
    def duration(self) -> float:
        """Seconds from the first to the last estimate."""
        return float(self.elapsed[-1])

    def updates(self) -> Iterator[Update]:
        """Yield the recorded updates; `captured` is the recording machine's monotonic time."""
        for values in zip(*(self.columns[name].tolist() for name in COLUMNS), strict=True):
            yield Row(*values).to_update()

    @property
    def unfinished_note(self) -> str:
        """Note for the user about an unfinished recording; empty for a finished one."""
        if not self.unfinished:
            return ""
        return (
            f"{self.path} is in progress or was cut off: {self.duration:.1f} s of it are complete"
        )

    def with_zone(self, zone: str) -> Self:
        """Return a copy with another zone name.

        Raises
        ------
        UsageError
            The name is invalid.
        """
        if not _is_zone(zone):
            raise UsageError(
                f"invalid zone name {zone!r}; use lower-case letters, digits and single hyphens"
            )
        return replace(self, metadata={**self.metadata, "zone": zone})


def downsample(recording: Recording, max_points: int) -> dict[str, NDArray[np.float64]]:
    """Average a recording into at most `max_points` points, for a plot.

    Returns
    -------
    Columns by name as floats, and `elapsed` in seconds. Each point is the mean of equally many
    rows; a shorter recording is returned as it is.
    """
    columns: dict[str, NDArray[Any]] = {"elapsed": recording.elapsed}
    columns |= {name: recording.columns[name] for name in COLUMNS}
    points = min(max_points, len(recording))
    starts = np.arange(points) * len(recording) // points
    counts = np.diff(starts, append=len(recording))
    return {
        name: np.add.reduceat(values.astype(np.float64), starts) / counts
        for name, values in columns.items()
    }


def read_recording(path: Path) -> Recording:
    """Read a recording; a journal up to its first damaged line.

    Raises
    ------
    UsageError
        The file does not exist, is not a recording, is cut off or damaged.
    """
    try:
        if path.is_dir():
            raise UsageError(f"cannot read {path}: it is a folder; give a .parquet file in it")
        with path.open("rb") as file:
            recording = _read(path, file)
    except FileNotFoundError:
        raise UsageError(
            f"cannot read {path}: no such file; give one that `streamer run --record DIR` wrote"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {path}: {reason}") from None
    for name, (low, high) in _VALID_RANGES.items():
        column = recording.columns[name]
        if not ((column >= low) & (column <= high)).all():  # NaN compares as False
            raise UsageError(f"cannot read {path}: damaged, {name} has values out of range")
    return recording


def _read(path: Path, file: BinaryIO) -> Recording:
    start = file.read(len(_JOURNAL_PREFIX))
    file.seek(0)
    if start.startswith(MAGIC):
        return _read_parquet(path, file)
    if start == _JOURNAL_PREFIX or (path.suffix == JOURNAL and _JOURNAL_PREFIX.startswith(start)):
        return _read_journal(path, file)
    raise UsageError(_not_a_recording(path))


def _read_parquet(path: Path, file: BinaryIO) -> Recording:
    file.seek(-len(MAGIC), 2)
    if file.read() != MAGIC or file.tell() <= 2 * len(MAGIC):
        raise UsageError(
            f"cannot read {path}: it is cut off, and Parquet needs its end; copy it again from "
            "where it was recorded, or give the .journal of that name if there is one"
        )
    file.seek(0)
    try:
        content = read_parquet(file)
    except DamagedError:
        raise UsageError(
            f"cannot read {path}: it is damaged; copy it again from where it was recorded"
        ) from None
    if content is None:
        raise UsageError(_not_a_recording(path))
    metadata, columns = content
    return _validate(Recording(path, metadata, columns))


def _read_journal(path: Path, file: BinaryIO) -> Recording:
    metadata: dict[str, str] = {}
    rows: list[Row] = []
    for entry in read_journal(file):
        if isinstance(entry, Row):
            rows.append(entry)
            if len(rows) > limits.MAX_RECORDING_ROWS:
                raise UsageError(
                    f"cannot read {path}: more than {limits.MAX_RECORDING_ROWS} estimates"
                )
        else:
            metadata.update(entry)
    columns: dict[str, NDArray[Any]] = {
        name: np.array([row[index] for row in rows], dtype=COLUMN_TYPES[name])
        for index, name in enumerate(COLUMNS)
    }
    return _validate(Recording(path, metadata, columns, unfinished=True))


def _validate(recording: Recording) -> Recording:
    path, version = recording.path, recording.metadata.get(FORMAT_KEY, FORMAT_VERSION)
    if version != FORMAT_VERSION:
        raise UsageError(
            f"cannot read {path}: a later streamer wrote it (format {version}); update this one"
        )
    if not len(recording):
        raise UsageError(
            f"cannot read {path}: no estimates yet; the first comes after one second of audio"
        )
    if not _is_zone(recording.metadata.get("zone", "")):
        raise UsageError(_not_a_recording(path))
    return recording


def _is_zone(name: str) -> bool:
    try:
        TypeAdapter(Slug).validate_python(name)
    except ValidationError:
        return False
    return True


def _not_a_recording(path: Path) -> str:
    return (
        f"cannot read {path}: not a recording; give a .parquet or .journal file that "
        "`streamer run --record DIR` wrote"
    )
