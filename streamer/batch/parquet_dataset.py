"""Parquet dataset of trajectories, partitioned by folder; a stopped run continues.

A part of it holds the trajectories of some files of one folder and lies in `folder=NAME`, so that
pandas, Polars, DuckDB and Spark can read one folder only. A part is written atomically, and its
metadata hold the names of its files and the tracking settings: they are the checkpoint.
`_failures.csv` lists the files that failed in the last run.
"""

import csv
import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from damer.weights import SHIPPED_MODEL
from streamer.batch.analysis import COLUMNS, Analysis, analyze_files
from streamer.batch.input_files import InputFile
from streamer.config import Config, Tracking
from streamer.engines import Engine
from streamer.engines.weights_digest import file_sha256
from streamer.errors import UsageError
from streamer.helpers import require_package

FAILURES_FILE = "_failures.csv"
"""Parquet readers ignore names that begin with an underscore."""

MAX_FILES_PER_PART = 16
"""Audio files in a part, at most: a stopped run repeats so many."""

_METADATA_KEY = b"streamer"
_ADVICE = "choose another --output, or delete it"


class Chunk(NamedTuple):
    """Audio files of one folder that become one part."""

    folder: str
    paths: tuple[Path, ...]


class FileResult(NamedTuple):
    """Duration of an analyzed file in seconds, or why it failed."""

    path: Path
    seconds: float
    error: str


class PartWriter:
    """Writes parts of a dataset. Small, because it is sent to every Ray actor.

    Parameters
    ----------
    folder, settings
        As for `ParquetDataset`.
    """

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self.folder = folder
        self.settings = dict(settings)

    def write(self, folder: str, analyses: list[Analysis]) -> list[FileResult]:
        """Write a part with the analyses that succeeded; return the results of all.

        Raises
        ------
        UsageError
            The part cannot be written.
        """
        succeeded = [analysis for analysis in analyses if analysis.error is None]
        if succeeded:
            try:
                self._write(folder, succeeded)
            except OSError as error:
                raise UsageError(
                    f"cannot write to {self.folder}: {(error.strerror or str(error)).lower()}; "
                    "free some space, and run the command again to continue"
                ) from None
        return [FileResult(each.path, each.seconds, str(each.error or "")) for each in analyses]

    def _write(self, folder: str, analyses: list[Analysis]) -> None:
        arrow = require_package("pyarrow", extra="record")
        parquet = require_package("pyarrow.parquet", extra="record")
        names = [str(analysis.path) for analysis in analyses]
        partition = self.folder / f"folder={quote(folder, safe='')}"
        partition.mkdir(exist_ok=True)
        digest = hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()[:16]
        types = [arrow.string(), *[arrow.float64()] * 7, arrow.bool_()]
        schema = arrow.schema(list(zip(COLUMNS, types, strict=True)))
        metadata = json.dumps({"settings": self.settings, "files": names})
        rows = [row for analysis in analyses for row in analysis.rows()]
        columns = zip(*rows, strict=True) if rows else [()] * len(types)
        table = arrow.table(
            [arrow.array(column, kind) for column, kind in zip(columns, types, strict=True)],
            schema=schema.with_metadata({_METADATA_KEY: metadata.encode()}),
        )
        partial = partition / f".{digest}.{os.getpid()}"
        try:
            with partial.open("wb") as file:
                parquet.write_table(table, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(partition / f"{digest}.parquet")
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


class ParquetDataset:
    """Dataset that grows part by part.

    Parameters
    ----------
    folder
        Created if it does not exist.
    settings
        Tracking settings. A dataset of other settings is refused.

    Raises
    ------
    UsageError
        The folder is no dataset or has other settings, or pyarrow is not installed.

    Attributes
    ----------
    done
        Names of the audio files in it.
    writer
        Adds parts.
    """

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        require_package("pyarrow.parquet", extra="record")
        self.folder = folder
        self.writer = PartWriter(folder, settings)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot write {folder}: {(error.strerror or '').lower()}; choose another --output"
            ) from None
        self.done = self._read()

    def remaining(self, files: Iterable[InputFile], size: int) -> list[Chunk]:
        """Group the files that are not in the dataset by folder, at most `size` in a chunk."""
        missing = sorted(
            (file for file in files if str(file.path) not in self.done),
            key=lambda file: file.folder,
        )
        return [
            Chunk(folder, tuple(file.path for file in group[start : start + size]))
            for folder, grouped in itertools.groupby(missing, key=lambda file: file.folder)
            for group in [list(grouped)]
            for start in range(0, len(group), size)
        ]

    def record_failures(self, results: Iterable[FileResult]) -> Iterator[FileResult]:
        """Pass results on; write those that failed to `_failures.csv`, which is deleted first."""
        file = self.folder / FAILURES_FILE
        file.unlink(missing_ok=True)
        for result in results:
            if result.error:
                new = not file.exists()
                with file.open("a", encoding="utf-8", newline="") as table:
                    writer = csv.writer(table, lineterminator="\n")
                    writer.writerows([("file", "error")] if new else [])
                    writer.writerow((result.path, result.error))
            yield result

    def _read(self) -> frozenset[str]:
        """Return the names of the audio files in it; delete parts of which the writing stopped."""
        for partial in self.folder.glob("folder=*/.*"):
            partial.unlink()
        parts = sorted(self.folder.glob("folder=*/*.parquet"))
        if not parts and any(each.name != FAILURES_FILE for each in self.folder.iterdir()):
            raise UsageError(
                f"cannot write to {self.folder}: it holds other files; choose another --output"
            )
        return frozenset(name for part in parts for name in self._files_of(part))

    def _files_of(self, part: Path) -> list[str]:
        arrow = require_package("pyarrow", extra="record")
        parquet = require_package("pyarrow.parquet", extra="record")
        try:
            metadata = json.loads(parquet.read_schema(part).metadata[_METADATA_KEY])
            settings, files = metadata["settings"], [str(name) for name in metadata["files"]]
        except (arrow.ArrowException, OSError, ValueError, TypeError, KeyError):
            raise UsageError(
                f"cannot read {part}: damaged, or not written by streamer; {_ADVICE}"
            ) from None
        for key, value in self.writer.settings.items():
            if settings.get(key) != value:
                raise UsageError(
                    f"cannot add to {self.folder}: it was made with other settings: {key} was "
                    f"{settings.get(key)!r}, not {value!r}; {_ADVICE}"
                )
        return files


def tracking_settings(config: Config, engine: Engine) -> dict[str, object]:
    """Return the settings that change trajectories, for the metadata of parts."""
    tracking = config.tracking
    return {
        "model": engine.model,
        "weights": file_sha256(config.engine.model or SHIPPED_MODEL),
        "front_end": engine.front_end.digest,
        "rate": tracking.rate,
        "smoother": tracking.smoother,
        "on_silence": tracking.on_silence,
        "channels": list(config.zones[0].channels),
    }


def analyze_on_threads(
    writer: PartWriter,
    chunks: list[Chunk],
    engine: Engine,
    tracking: Tracking,
    channels: tuple[int, ...],
    threads: int,
) -> Iterator[FileResult]:
    """Analyze chunks on threads, and write each when it is complete; yield the results."""
    paths = (path for chunk in chunks for path in chunk.paths)
    analyses = analyze_files(paths, engine, tracking, channels, threads)
    for chunk in chunks:
        yield from writer.write(chunk.folder, list(itertools.islice(analyses, len(chunk.paths))))
