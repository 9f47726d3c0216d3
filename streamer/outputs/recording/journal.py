"""Journal of a recording in progress: JSON lines, of which a crash can damage only the last.

The first line is an object with the metadata; a later object adds to it. Every other line is an
array with the values of a `Row`. Floats are written so that they are read back to the last bit.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from streamer import limits
from streamer.outputs.recording.file_names import try_lock
from streamer.tracking.update import Affect, Update


class Row(NamedTuple):
    """One update; the fields are the columns of a recording, in order.

    Names equal the columns of `streamer analyze` where it has them; see `Update` for the others.

    Attributes
    ----------
    ts
        Capture time of the window's newest sample, in milliseconds since 1970 (UTC).
    captured
        The same, in seconds of the recording machine's monotonic clock.
    """

    ts: int
    tick: int
    time: float
    valence: float
    arousal: float
    valence_std: float
    arousal_std: float
    raw_valence: float
    raw_arousal: float
    raw_valence_std: float
    raw_arousal_std: float
    silence: bool
    warm: float
    level: float
    captured: float

    @classmethod
    def from_update(cls, update: Update, epoch: float) -> Self:
        """Convert an update; `epoch` is added to monotonic time to get seconds since 1970.

        NumPy numbers become Python numbers, for JSON.
        """
        smooth, raw = update.smooth, update.raw
        return cls(
            ts=round((update.captured + epoch) * 1e3),
            tick=int(update.tick),
            time=float(update.time),
            valence=float(smooth.valence),
            arousal=float(smooth.arousal),
            valence_std=float(smooth.valence_std),
            arousal_std=float(smooth.arousal_std),
            raw_valence=float(raw.valence),
            raw_arousal=float(raw.arousal),
            raw_valence_std=float(raw.valence_std),
            raw_arousal_std=float(raw.arousal_std),
            silence=bool(update.silence),
            warm=float(update.warm),
            level=float(update.level),
            captured=float(update.captured),
        )

    def to_update(self) -> Update:
        """Convert the row back to the recorded update."""
        return Update(
            tick=self.tick,
            time=self.time,
            captured=self.captured,
            raw=Affect(
                self.raw_valence, self.raw_arousal, self.raw_valence_std, self.raw_arousal_std
            ),
            smooth=Affect(self.valence, self.arousal, self.valence_std, self.arousal_std),
            silence=self.silence,
            warm=self.warm,
            level=self.level,
        )


COLUMNS = Row._fields
"""Names of the columns."""

COLUMN_TYPES: dict[str, type] = {name: Row.__annotations__[name] for name in COLUMNS}
"""Type of each column: int, float or bool."""


FORMAT_KEY = "streamer_recording"
"""Metadata key of every recording; its value is the format version."""

FORMAT_VERSION = "1"

Metadata = Mapping[str, str]
"""Metadata of a recording, all text."""

_INT64_LIMIT = 2**63


class Journal:
    """Writes a journal; every line is passed to the operating system before `append` returns.

    Parameters
    ----------
    path
        A file that does not exist yet.
    metadata
        Metadata of the recording.

    Raises
    ------
    OSError
        The file cannot be written. Every method can raise it; then `close` the journal.
    """

    def __init__(self, path: Path, metadata: Metadata) -> None:
        self.path = path
        self._file = path.open("xb")
        try_lock(self._file)
        try:
            self.add_metadata({FORMAT_KEY: FORMAT_VERSION, **metadata})
        except BaseException:
            self.close()
            raise

    def append(self, row: Row) -> None:
        """Append a row."""
        self._write(row)

    def add_metadata(self, metadata: Metadata) -> None:
        """Append further metadata."""
        self._write(metadata)

    def sync(self) -> None:
        """Flush to the disk, to survive a power cut."""
        os.fsync(self._file.fileno())
        self.path.stat()  # raises if the file or its folder was deleted meanwhile

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def _write(self, line: object) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._file.flush()


def read_journal(file: BinaryIO) -> Iterator[Metadata | Row]:
    """Yield metadata and rows of a journal, up to the first damaged line.

    The first entry is the metadata with `FORMAT_KEY`; else the file is not a journal.
    """
    while line := file.readline(limits.MAX_JOURNAL_LINE_BYTES):
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):  # cut off or damaged
            return
        entry = _parse_entry(content)
        if entry is None:
            return
        yield entry


def _parse_entry(content: object) -> Metadata | Row | None:
    if isinstance(content, dict) and all(isinstance(value, str) for value in content.values()):
        return content
    if isinstance(content, list) and _is_row(content):
        return Row(*content)
    return None


def _is_row(values: list[object]) -> bool:
    return len(values) == len(COLUMN_TYPES) and all(
        type(value) is expected and (not isinstance(value, int) or abs(value) < _INT64_LIMIT)
        for value, expected in zip(values, COLUMN_TYPES.values(), strict=True)
    )
