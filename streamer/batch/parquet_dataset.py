"""Trajectories of many files as a Parquet data set, which knows what is in it.

A file of it, a part, holds the trajectories of some sounds of one folder and lies in
`folder=NAME`, so that pandas, Polars, DuckDB and Spark read a folder without the others. It is
there whole or not at all, and its metadata name the sounds in it and how they were tracked: that is
the checkpoint. `_failures.csv` lists what could not be read in the last run.
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
from streamer.batch.input_files import Sound
from streamer.config import Config, Tracking
from streamer.engines import Engine
from streamer.engines.weights_digest import file_sha256
from streamer.errors import UsageError
from streamer.helpers import require_package

FAILURES = "_failures.csv"
"""Readers of Parquet pass over names that begin so."""

CHUNK = 16
"""Sounds of a part, at most: what a stopped run does again."""

_MARK = b"streamer"
_ADVICE = "choose another --output, or delete it"


class Chunk(NamedTuple):
    """Sounds of one folder that become a part together."""

    folder: str
    paths: tuple[Path, ...]


class Outcome(NamedTuple):
    """What became of a sound: its length in seconds, or why it failed."""

    path: Path
    seconds: float
    error: str


class Parts:
    """Writes parts of a data set; small, for it travels to whoever tracks.

    Parameters
    ----------
    folder, settings
        As for `Store`.
    """

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self.folder = folder
        self.settings = dict(settings)

    def write(self, folder: str, analyses: list[Analysis]) -> list[Outcome]:
        """Add a part with what was tracked; what failed is only told.

        Raises
        ------
        UsageError
            It cannot be written.
        """
        tracked = [analysis for analysis in analyses if analysis.error is None]
        if tracked:
            try:
                self._write(folder, tracked)
            except OSError as error:
                raise UsageError(
                    f"cannot write to {self.folder}: {(error.strerror or str(error)).lower()}; "
                    "make room, and run it again to go on"
                ) from None
        return [Outcome(one.path, one.seconds, str(one.error or "")) for one in analyses]

    def _write(self, folder: str, analyses: list[Analysis]) -> None:
        arrow = require_package("pyarrow", extra="record")
        parquet = require_package("pyarrow.parquet", extra="record")
        names = [str(analysis.path) for analysis in analyses]
        place = self.folder / f"folder={quote(folder, safe='')}"
        place.mkdir(exist_ok=True)
        digest = hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()[:16]
        kinds = [arrow.string(), *[arrow.float64()] * 7, arrow.bool_()]
        schema = arrow.schema(list(zip(COLUMNS, kinds, strict=True)))
        about = json.dumps({"settings": self.settings, "files": names})
        rows = [row for analysis in analyses for row in _rows(analysis)]
        columns = zip(*rows, strict=True) if rows else [()] * len(kinds)
        table = arrow.table(
            [arrow.array(column, kind) for column, kind in zip(columns, kinds, strict=True)],
            schema=schema.with_metadata({_MARK: about.encode()}),
        )
        partial = place / f".{digest}.{os.getpid()}"
        try:
            with partial.open("wb") as file:
                parquet.write_table(table, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(place / f"{digest}.parquet")
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


class Store:
    """A data set that grows part by part.

    Parameters
    ----------
    folder
        Where it lies; made where it is not there.
    settings
        How the sounds are tracked; a data set of other settings is refused.

    Raises
    ------
    UsageError
        The folder is something else, or of other settings, or pyarrow is not installed.

    Attributes
    ----------
    done
        Names of the files that are in it.
    parts
        Adds to it.
    """

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        require_package("pyarrow.parquet", extra="record")
        self.folder = folder
        self.parts = Parts(folder, settings)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot write {folder}: {(error.strerror or '').lower()}; choose another --output"
            ) from None
        self.done = self._read()

    def chunks(self, sounds: Iterable[Sound], size: int) -> list[Chunk]:
        """Group those that are not done by folder, at most so many at a time."""
        left = sorted(
            (sound for sound in sounds if str(sound.path) not in self.done),
            key=lambda sound: sound.folder,
        )
        return [
            Chunk(folder, tuple(sound.path for sound in group[at : at + size]))
            for folder, grouped in itertools.groupby(left, key=lambda sound: sound.folder)
            for group in [list(grouped)]
            for at in range(0, len(group), size)
        ]

    def told(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Pass outcomes on, and list what failed beside the parts; nothing lists no failure."""
        file = self.folder / FAILURES
        file.unlink(missing_ok=True)
        for outcome in outcomes:
            if outcome.error:
                new = not file.exists()
                with file.open("a", encoding="utf-8", newline="") as table:
                    writer = csv.writer(table, lineterminator="\n")
                    writer.writerows([("file", "error")] if new else [])
                    writer.writerow((outcome.path, outcome.error))
            yield outcome

    def _read(self) -> frozenset[str]:
        """Return the files that are in it, clearing away what was being written when it stopped."""
        for partial in self.folder.glob("folder=*/.*"):
            partial.unlink()
        parts = sorted(self.folder.glob("folder=*/*.parquet"))
        if not parts and any(one.name != FAILURES for one in self.folder.iterdir()):
            raise UsageError(f"{self.folder} holds something else; choose another --output")
        return frozenset(name for part in parts for name in self._files_of(part))

    def _files_of(self, part: Path) -> list[str]:
        arrow = require_package("pyarrow", extra="record")
        parquet = require_package("pyarrow.parquet", extra="record")
        try:
            about = json.loads(parquet.read_schema(part).metadata[_MARK])
            settings, files = about["settings"], [str(name) for name in about["files"]]
        except (arrow.ArrowException, OSError, ValueError, TypeError, KeyError):
            raise UsageError(f"{part} is damaged, or none of ours; {_ADVICE}") from None
        for key, value in self.parts.settings.items():
            if settings.get(key) != value:
                raise UsageError(
                    f"{self.folder} was made with other settings: {key} was "
                    f"{settings.get(key)!r}, not {value!r}; {_ADVICE}"
                )
        return files


def settings_of(config: Config, engine: Engine) -> dict[str, object]:
    """Return what trajectories depend on, as it stands in the metadata of parts."""
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


def _rows(analysis: Analysis) -> Iterator[tuple[object, ...]]:
    for update in analysis.updates:
        yield (
            str(analysis.path), update.time, update.smooth.valence, update.smooth.arousal,
            update.smooth.valence_std, update.smooth.arousal_std,
            update.raw.valence, update.raw.arousal, update.silence,
        )  # fmt: skip


def on_threads(
    parts: Parts,
    chunks: list[Chunk],
    engine: Engine,
    tracking: Tracking,
    channels: tuple[int, ...],
    threads: int,
) -> Iterator[Outcome]:
    """Track chunks and keep each once it is whole; yield what became of the sounds."""
    paths = (path for chunk in chunks for path in chunk.paths)
    analyses = analyze_files(paths, engine, tracking, channels, threads)
    for chunk in chunks:
        yield from parts.write(chunk.folder, list(itertools.islice(analyses, len(chunk.paths))))
