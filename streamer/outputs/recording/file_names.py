"""Names of recorded files: zone and UTC start, so that those of a zone sort by time.

Which files another process is still writing. The one place of a recording where systems differ.

A lock ends with the process that holds it, however that dies.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

PARQUET = ".parquet"
FLAC = ".flac"
JOURNAL = ".journal"
PART = ".part"
"""Ends the name of a file that is still being written; the finished file's name stands before."""

_FINISHED = (PARQUET, FLAC)
_IN_PROGRESS = (JOURNAL, PARQUET + PART, FLAC + PART)
_OURS = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*-(\d{8}T\d{6}Z)((?:\.[a-z]+)+)")


def unused_stem(folder: Path, zone: str, start: float) -> Path:
    """Return a path without suffix at which no recording lies.

    Parameters
    ----------
    folder
        Where to record.
    zone
        The zone's name.
    start
        Seconds since 1970. Where a recording of that second exists, the next free one is named.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    taken = {path.name.partition(".")[0] for path in folder.iterdir()}
    second = int(start)
    while (stem := f"{zone}-{datetime.fromtimestamp(second, UTC):%Y%m%dT%H%M%SZ}") in taken:
        second += 1
    return folder / stem


def finished(folder: Path) -> list[Path]:
    """Return the finished recordings in a folder, of all zones, the oldest first."""
    return [path for _, path in sorted(_of_kind(folder, _FINISHED))]


def in_progress(folder: Path) -> list[Path]:
    """Return the files in a folder that are being written, or were when a program died."""
    return [path for _, path in sorted(_of_kind(folder, _IN_PROGRESS))]


def _of_kind(folder: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for path in folder.iterdir():
        ours = _OURS.fullmatch(path.name)
        if ours and ours[2] in suffixes and path.is_file() and not path.is_symlink():
            yield ours[1], path


try:
    import fcntl
except ImportError:  # Windows, which lets nobody rename or delete a file that is open

    def try_lock(file: IO[bytes]) -> bool:
        """Claim an open file for this process until it is closed; tell whether that could be."""
        return not file.closed
else:

    def try_lock(file: IO[bytes]) -> bool:
        """Claim an open file for this process until it is closed; tell whether that could be."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system that knows no locks
            return True
        return True
