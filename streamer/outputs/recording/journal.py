"""A row of a recording: one update, as plain values.

Estimates while they are recorded: JSON lines, each whole or, after a crash, the last one not.

The first line is an object that says what is recorded; a later object adds to it. Every other line
is an array of a row's values. Floats are written so that they are read back to the last bit.
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
    """One update; the fields are the columns of a recording, in their order.

    Names are those of `streamer analyze` where it has them; see `Update` for their meanings.

    Attributes
    ----------
    ts
        When the window's newest sample was captured, in milliseconds since 1970 (UTC).
    captured
        The same in seconds of the recording machine's monotonic clock, which never jumps.
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
        """Return the row of an update; `epoch` leads from monotonic time to seconds since 1970.

        NumPy's numbers become Python's, which JSON knows.
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
        """Return the update that was recorded."""
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
"""What each column holds: int, float or bool."""


FORMAT_KEY = "streamer_recording"
"""The key that tells a recording from any other file; its value is the version of the layout."""

FORMAT_VERSION = "1"

Metadata = Mapping[str, str]
"""What is said about a recording, all of it text."""

_BEYOND_INT64 = 2**63


class Journal:
    """Writes a journal; every line is with the operating system before `add` returns.

    Parameters
    ----------
    path
        Of a file that does not exist yet.
    metadata
        What is recorded.

    Raises
    ------
    OSError
        It cannot be written. So may every method; then `close` it, and begin another one.
    """

    def __init__(self, path: Path, metadata: Metadata) -> None:
        self.path = path
        self._file = path.open("xb")
        try_lock(self._file)
        try:
            self.note({FORMAT_KEY: FORMAT_VERSION, **metadata})
        except BaseException:
            self.close()
            raise

    def add(self, row: Row) -> None:
        """Append a row."""
        self._write(row)

    def note(self, metadata: Metadata) -> None:
        """Append what became known about the recording."""
        self._write(metadata)

    def sync(self) -> None:
        """Bring what was written to the disk, so that it outlives a power cut."""
        os.fsync(self._file.fileno())
        self.path.stat()  # the folder, or the file, may have been taken away from under us

    def close(self) -> None:
        """Close the file; more than once is fine."""
        self._file.close()

    def _write(self, line: object) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._file.flush()


def read_journal(file: BinaryIO) -> Iterator[Metadata | Row]:
    """Yield what a journal says, up to the first line that is not whole.

    The first is the metadata, with `FORMAT_KEY`; where it is not, the file is no journal.
    """
    while line := file.readline(limits.MAX_JOURNAL_LINE_BYTES):
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):  # cut off, or damaged
            return
        said = _understood(content)
        if said is None:
            return
        yield said


def _understood(content: object) -> Metadata | Row | None:
    if isinstance(content, dict) and all(isinstance(value, str) for value in content.values()):
        return content
    if isinstance(content, list) and _is_row(content):
        return Row(*content)
    return None


def _is_row(values: list[object]) -> bool:
    return len(values) == len(COLUMN_TYPES) and all(
        type(value) is wanted and (not isinstance(value, int) or abs(value) < _BEYOND_INT64)
        for value, wanted in zip(values, COLUMN_TYPES.values(), strict=True)
    )
