"""Names of recording files, and locks on those in progress.

A name is the zone and the UTC start, so that the recordings of a zone sort by time. A lock marks a
file that a living process writes; it ends with that process, however it ends.
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
"""Suffix of a file in progress, after the name of the finished file."""

_FINISHED = (PARQUET, FLAC)
_UNFINISHED = (JOURNAL, PARQUET + PART, FLAC + PART)
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*-(\d{8}T\d{6}Z)((?:\.[a-z]+)+)")


def unused_stem(folder: Path, zone: str, start: float) -> Path:
    """Return a path without suffix that no recording uses.

    Parameters
    ----------
    folder
        Folder of the recordings.
    zone
        Name of the zone.
    start
        Seconds since 1970. If a recording of that second exists, the next unused second is taken.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    used = {path.name.partition(".")[0] for path in folder.iterdir()}
    second = int(start)
    while (stem := f"{zone}-{datetime.fromtimestamp(second, UTC):%Y%m%dT%H%M%SZ}") in used:
        second += 1
    return folder / stem


def finished_files(folder: Path) -> list[Path]:
    """Return the finished recordings of all zones in a folder, oldest first."""
    return [path for _, path in sorted(_matching(folder, _FINISHED))]


def unfinished_files(folder: Path) -> list[Path]:
    """Return the files in a folder that are in progress or were left by a crash, oldest first."""
    return [path for _, path in sorted(_matching(folder, _UNFINISHED))]


def _matching(folder: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match and match[2] in suffixes and path.is_file() and not path.is_symlink():
            yield match[1], path


try:
    import fcntl
except ImportError:  # Windows, where an open file can be neither renamed nor deleted

    def try_lock(file: IO[bytes]) -> bool:
        """Lock an open file until it is closed; return whether that succeeded."""
        return not file.closed
else:

    def try_lock(file: IO[bytes]) -> bool:
        """Lock an open file until it is closed; return whether that succeeded."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return True
        return True
