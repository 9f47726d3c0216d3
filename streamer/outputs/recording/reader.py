"""Reading a recording: a finished one, or the journal of one in progress or left by a crash."""

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
_BELIEVED = {
    **{name: (-_NUMBER, _NUMBER) for name, kind in COLUMN_TYPES.items() if kind is float},
    "ts": (0, limits.MAX_RECORDING_EPOCH_MS - 1),
    "level": (-limits.MAX_RECORDING_LEVEL_DB, limits.MAX_RECORDING_LEVEL_DB),
    "time": (0.0, _TIME),
    "captured": (0.0, _TIME),
}
"""Least and greatest value of a column."""

_JOURNAL_BEGINS = f'{{"{FORMAT_KEY}":'.encode()


@dataclass(frozen=True)
class Recording:
    """A recorded trajectory; there is one estimate at least.

    Attributes
    ----------
    path
        Of its file.
    metadata
        What the file says about itself: `zone`, `source`, `version` of the program, `model`; and
        `sound_offset` where sound was recorded, the seconds that lead from an estimate's `time` to
        its place in the FLAC file.
    columns
        The columns by their names (see `Row`), each an array of the same length.
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
        """The zone that was recorded."""
        return self.metadata["zone"]

    @property
    def started_at(self) -> datetime:
        """When the first estimate's sound was captured, in UTC."""
        return datetime.fromtimestamp(int(self.columns["ts"][0]) / 1e3, UTC)

    @property
    def elapsed(self) -> NDArray[np.float64]:
        """When each estimate's sound was captured, in seconds since the first; never falling."""
        captured = self.columns["captured"]
        since: NDArray[np.float64] = np.maximum.accumulate(captured - captured[0])
        return since

    @property
    def duration(self) -> float:
        """Seconds from the first estimate to the last."""
        return float(self.elapsed[-1])

    def updates(self) -> Iterator[Update]:
        """Yield the estimates as they were; `captured` is the recording machine's time."""
        for values in zip(*(self.columns[name].tolist() for name in COLUMNS), strict=True):
            yield Row(*values).to_update()

    @property
    def unfinished_note(self) -> str:
        """What is to be said about a recording that is not finished; else empty."""
        if not self.unfinished:
            return ""
        return (
            f"{self.path} is still being recorded or was cut off; {self.duration:.1f} s of it are "
            "whole"
        )

    def with_zone(self, zone: str) -> Self:
        """Return the recording as if it were another zone's.

        Raises
        ------
        UsageError
            No zone has such a name.
        """
        if not _is_zone(zone):
            raise UsageError(
                f"{zone!r} names no zone; use lower-case letters, digits and single hyphens"
            )
        return replace(self, metadata={**self.metadata, "zone": zone})


def read_recording(path: Path) -> Recording:
    """Read a recording.

    A journal is read as far as it is whole.

    Raises
    ------
    UsageError
        There is no such file, it is no recording, or it is cut off or damaged.
    """
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a folder; give a recording in it, a .parquet file")
        with path.open("rb") as file:
            recording = _read(path, file)
    except FileNotFoundError:
        raise UsageError(
            f"{path} does not exist; give a file that `streamer run --record DIR` has written"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read: {reason}") from None
    for name, (least, most) in _BELIEVED.items():
        column = recording.columns[name]
        if not ((column >= least) & (column <= most)).all():  # NaN compares as False
            raise UsageError(f"{path} is damaged: not every {name} is a number that can be")
    return recording


def _read(path: Path, file: BinaryIO) -> Recording:
    begin = file.read(len(_JOURNAL_BEGINS))
    file.seek(0)
    if begin.startswith(MAGIC):
        return _read_parquet(path, file)
    if begin == _JOURNAL_BEGINS or (path.suffix == JOURNAL and _JOURNAL_BEGINS.startswith(begin)):
        return _read_journal(path, file)
    raise UsageError(_no_recording(path))


def _read_parquet(path: Path, file: BinaryIO) -> Recording:
    file.seek(-len(MAGIC), 2)
    if file.read() != MAGIC or file.tell() <= 2 * len(MAGIC):
        raise UsageError(
            f"{path} is cut off: its end is missing, without which Parquet cannot be read; copy it "
            "again from where it was recorded, or give the .journal of that name if there is one"
        )
    file.seek(0)
    try:
        content = read_parquet(file)
    except DamagedError:
        raise UsageError(f"{path} is damaged; copy it again from where it was recorded") from None
    if content is None:
        raise UsageError(_no_recording(path))
    metadata, columns = content
    return _whole(Recording(path, metadata, columns))


def _read_journal(path: Path, file: BinaryIO) -> Recording:
    metadata: dict[str, str] = {}
    rows: list[Row] = []
    for said in read_journal(file):
        if isinstance(said, Row):
            rows.append(said)
            if len(rows) > limits.MAX_RECORDING_ROWS:
                raise UsageError(f"{path} is damaged: it holds more estimates than can be")
        else:
            metadata.update(said)
    columns: dict[str, NDArray[Any]] = {
        name: np.array([row[index] for row in rows], dtype=COLUMN_TYPES[name])
        for index, name in enumerate(COLUMNS)
    }
    return _whole(Recording(path, metadata, columns, unfinished=True))


def _whole(recording: Recording) -> Recording:
    path, version = recording.path, recording.metadata.get(FORMAT_KEY, FORMAT_VERSION)
    if version != FORMAT_VERSION:
        raise UsageError(f"{path} is of a later streamer (layout {version}); update this one")
    if not len(recording):
        raise UsageError(f"{path} holds no estimate yet; they begin after one second of sound")
    if not _is_zone(recording.metadata.get("zone", "")):
        raise UsageError(_no_recording(path))
    return recording


def _is_zone(name: str) -> bool:
    try:
        TypeAdapter(Slug).validate_python(name)
    except ValidationError:
        return False
    return True


def _no_recording(path: Path) -> str:
    return (
        f"{path} is no recording; give a .parquet or .journal file that "
        "`streamer run --record DIR` has written"
    )
