"""Recover crashed recordings: convert journals to Parquet, keep audio that was cut off.

A recorder calls `recover_recordings` when it starts, and again after a disk failure. Files that
another process still writes are locked, and are left alone.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from streamer.outputs.recording.file_names import (
    FLAC,
    JOURNAL,
    PARQUET,
    PART,
    try_lock,
    unfinished_files,
)
from streamer.outputs.recording.journal import FORMAT_KEY, Row, read_journal
from streamer.outputs.recording.parquet import write_parquet

_ROWS_PER_PAUSE = 50  # about a millisecond
_PAUSE_S = 0.002  # in which other threads run

logger = logging.getLogger(__name__)


def finalize_journal(path: Path, *, pause: bool = True) -> Path | None:
    """Convert a journal to Parquet, delete it, and return the Parquet file.

    Returns None for a journal without rows, which is deleted; for one that another process has
    locked; and for a file that is not a journal, which stays and is logged.

    Parameters
    ----------
    path
        The journal.
    pause
        Whether to let other threads run in between. Default: True.

    Raises
    ------
    OSError
        The disk is full or fails; the journal stays.
    """
    with path.open("r+b") as file:
        if not try_lock(file):
            return None
        metadata: dict[str, str] = {}
        rows = _rows(file, metadata, pause=pause)
        first = next(rows, None)
        if first is not None:
            write_parquet(path.with_suffix(PARQUET), metadata, chain([first], rows))
        elif FORMAT_KEY not in metadata and _has_two_lines(file):
            logger.warning("keeping %s, which is not a journal of a recording", path)
            return None
    path.unlink(missing_ok=True)
    return None if first is None else path.with_suffix(PARQUET)


def recover_recordings(folder: Path) -> list[Path]:
    """Finish the files that crashed programs left in a folder; return the finished ones.

    Files of other users are left alone, as are those that another process writes. Audio that was
    cut off is renamed: it can be played up to its end.

    Raises
    ------
    OSError
        The folder cannot be read, or the disk is full or fails.
    """
    return list(_recovered(folder))


def _recovered(folder: Path) -> Iterator[Path]:
    for path in unfinished_files(folder):
        # Another process may finish the file meanwhile, or own it.
        with suppress(FileNotFoundError, PermissionError):
            if path.suffix == JOURNAL:
                if (finished := finalize_journal(path)) is not None:
                    yield finished
                continue
            with path.open("r+b") as file:
                abandoned = try_lock(file)
            if abandoned and path.name.endswith(FLAC + PART) and path.stat().st_size:
                yield path.replace(path.with_suffix(""))
            elif abandoned:  # a Parquet file whose journal still exists, or empty audio
                path.unlink()


def _rows(file: BinaryIO, metadata: dict[str, str], *, pause: bool) -> Iterator[Row]:
    """Yield the rows of a journal; add its metadata to `metadata`."""
    for number, entry in enumerate(read_journal(file)):
        if pause and not number % _ROWS_PER_PAUSE:
            time.sleep(_PAUSE_S)
        if isinstance(entry, Row):
            yield entry
        else:
            metadata.update(entry)


def _has_two_lines(file: BinaryIO) -> bool:
    file.seek(0)
    return bool(file.readline()) and bool(file.readline())
