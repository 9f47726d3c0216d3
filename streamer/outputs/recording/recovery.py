"""From what is in progress to finished files; also for a program that died before it could."""

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
    in_progress,
    try_lock,
)
from streamer.outputs.recording.journal import FORMAT_KEY, Row, read_journal
from streamer.outputs.recording.parquet import write_parquet

_AT_A_TIME = 50  # rows, a millisecond or so
_REST = 0.002  # seconds

logger = logging.getLogger(__name__)


def finalize_journal(path: Path, *, hurry: bool = False) -> Path | None:
    """Turn a journal into a Parquet file, which is returned, and delete it.

    A journal without a single row is deleted, and None returned; so it is where another process
    writes or finishes the journal. What is no journal stays, told in a warning.

    Parameters
    ----------
    path
        Of the journal.
    hurry
        Whether nothing else is to be done meanwhile; else other threads run in between.

    Raises
    ------
    OSError
        The disk is full or fails; the journal stays.
    """
    with path.open("r+b") as file:
        if not try_lock(file):
            return None
        metadata: dict[str, str] = {}
        rows = _rows(file, metadata, hurry)
        first = next(rows, None)
        if first is not None:
            write_parquet(path.with_suffix(PARQUET), metadata, chain([first], rows))
        elif FORMAT_KEY not in metadata and _lines(file) > 1:
            logger.warning("%s is no journal of a recording; it stays as it is", path)
            return None
    path.unlink(missing_ok=True)
    return None if first is None else path.with_suffix(PARQUET)


def recover_recordings(folder: Path) -> list[Path]:
    """Finish what programs that died have left in a folder; return what was finished.

    What another process is writing is left alone, and so is what belongs to another user. Sound
    that was cut off can be played as it is.

    Raises
    ------
    OSError
        The folder cannot be read, or the disk is full or fails.
    """
    return list(_adopted(folder))


def _adopted(folder: Path) -> Iterator[Path]:
    for path in in_progress(folder):
        with suppress(FileNotFoundError, PermissionError):  # finished by another, or another's
            if path.suffix == JOURNAL:
                if (finished := finalize_journal(path)) is not None:
                    yield finished
                continue
            with path.open("r+b") as file:
                free = try_lock(file)
            if free and path.name.endswith(FLAC + PART) and path.stat().st_size:
                yield path.replace(path.with_suffix(""))
            elif free:  # a table whose journal is still there, or no sound at all
                path.unlink()


def _rows(file: BinaryIO, metadata: dict[str, str], hurry: bool) -> Iterator[Row]:
    """Yield a journal's rows, and put what it says beside them into `metadata`."""
    for number, said in enumerate(read_journal(file)):
        if not hurry and not number % _AT_A_TIME:
            time.sleep(_REST)
        if isinstance(said, Row):
            yield said
        else:
            metadata.update(said)


def _lines(file: BinaryIO) -> int:
    """Return the number of lines, counted up to two."""
    file.seek(0)
    return bool(file.readline()) + bool(file.readline())
