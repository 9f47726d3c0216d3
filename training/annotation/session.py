"""Annotation session of one rater: exemplars, clips, one clip repeated; ratings and labels as CSV.

A rater first listens to four exemplars of extreme emotion, the sections of the demo piece, with
their quadrant as feedback. The first clip is repeated at the end: a rater whose two ratings differ
by more than 0.25 on average, in the valence/arousal plane, is inconsistent (Memo2496's protocol as
its abstract states it; the rest is ours).
"""

import csv
import random
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.demo import PIECE, sections
from training.annotation.consensus import CONSISTENCY_THRESHOLD, find_consensus
from training.datasets.own import LABELS
from training.datasets.pieces import Ratings
from training.datasets.tables import UNIT, Table
from training.datasets.unlabelled import AUDIO_SUFFIXES

RATINGS = "ratings.csv"
GRID_SECONDS = 0.5
QUADRANTS = {"calm": (1, -1), "joyful": (1, 1), "tense": (-1, 1), "sorrowful": (-1, -1)}
_EXEMPLAR_SECONDS = 12.0
_MAX_CLIP_SECONDS = 6 * 3600.0

Kind = Literal["exemplar", "clip", "again"]
Sample = tuple[float, float, float]


class Step(NamedTuple):
    """One step of a session: audio to listen to and to rate.

    Attributes
    ----------
    kind
        Exemplar, clip, or the repeated clip.
    name
        Mood of the exemplar, or path of the clip below the folder.
    audio
        Audio file.
    start, end
        Segment to play, in seconds. Default: all.
    """

    kind: Kind
    name: str
    audio: Path
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True, slots=True)
class StepFeedback:
    """Feedback to the rater after a step.

    Attributes
    ----------
    good
        Whether an exemplar was rated in its quadrant, or a repeated clip as before; else true.
    distance
        Mean distance to the first rating, for the repeated clip.
    """

    good: bool
    distance: float | None = None


class Session:
    """Annotation session of one rater in a folder of music.

    Parameters
    ----------
    folder
        Folder of audio files, also in subfolders; `ratings.csv` and `labels.csv` are written to it.
    rater
        Name of the rater; the order of the clips depends on it.

    Attributes
    ----------
    steps
        Steps in order.
    token
        Identifies the session, so that pages of others are refused.
    skipped_files
        Files whose names a table cannot hold.

    Raises
    ------
    ValueError
        There is no audio, `ratings.csv` is damaged, or `labels.csv` was not written by a session.
    """

    def __init__(self, folder: Path, rater: str) -> None:
        self.folder, self.rater = folder, rater
        self.token = secrets.token_urlsafe(8)
        paths = [path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES]
        names = sorted(str(path.relative_to(folder)) for path in paths if path.is_file())
        self.skipped_files = [name for name in names if not _fits_in_table(name)]
        names = [name for name in names if _fits_in_table(name)]
        if not names:
            raise ValueError(f"cannot annotate {folder}: it has no audio files")
        if (folder / LABELS).exists() and not (folder / RATINGS).exists():
            raise ValueError(
                f"cannot annotate {folder}: {LABELS} was not written by a session; move it away"
            )
        self._rows = _read_ratings(folder / RATINGS)
        random.Random(rater).shuffle(names)
        self.steps = [
            Step("exemplar", part.name, PIECE, part.start, part.start + _EXEMPLAR_SECONDS)
            for part in sections()
        ]
        self.steps += [Step("clip", name, folder / name) for name in names]
        self.steps.append(Step("again", names[0], folder / names[0]))

    def is_done(self, step: Step) -> bool:
        """Whether the rater has done a step, in this session or an earlier one.

        Exemplars count as done after the first clip.
        """
        if step.kind == "exemplar":
            return any(rater == self.rater for rater, _, _ in self._rows)
        return (self.rater, step.name, step.kind) in self._rows

    def add(self, number: int, samples: list[Sample]) -> StepFeedback:
        """Add the ratings of a step, (seconds, valence, arousal) samples; write both tables.

        Raises
        ------
        ValueError
            There is no such step, or its samples are too few, descend in time or leave the plane.
        """
        if number >= len(self.steps):
            raise ValueError(f"cannot add ratings: there is no step {number}")
        step = self.steps[number]
        times, values = resample_to_grid(samples, step.start)
        if step.kind == "exemplar":
            later = values[len(values) // 2 :].mean(axis=0)
            return StepFeedback(good=bool((np.sign(later) == QUADRANTS[step.name]).all()))
        rows = _read_ratings(self.folder / RATINGS)  # other sessions may have written
        if step.kind == "again":  # only the last repetition counts
            rows = {key: row for key, row in rows.items() if key[::2] != (self.rater, "again")}
        rows[self.rater, step.name, step.kind] = (times, values)
        self._rows = rows
        distance = self._distance(self.rater) if step.kind == "again" else None
        _write_csv(self.folder / RATINGS, _rating_rows(rows))
        _write_csv(self.folder / LABELS, self._label_rows())
        return StepFeedback(
            good=distance is None or distance <= CONSISTENCY_THRESHOLD, distance=distance
        )

    def _distance(self, rater: str) -> float | None:
        """Mean distance of a rater's two ratings of one clip; None without two."""
        for (other, name, kind), (times, again) in self._rows.items():
            if other != rater or kind != "again" or (rater, name, "clip") not in self._rows:
                continue
            first_times, first = self._rows[rater, name, "clip"]
            both = np.isin(first_times, times), np.isin(times, first_times)
            if not both[0].any():
                raise ValueError(
                    "cannot compare the two ratings: no moment was rated both times; "
                    "move while the music plays"
                )
            return float(np.sqrt(((first[both[0]] - again[both[1]]) ** 2).sum(axis=1)).mean())
        return None

    def ratings(self) -> list[Ratings]:
        """Collect the first ratings of every clip, without inconsistent raters.

        If only inconsistent raters rated a clip, they are used. Raters who have not reached the
        repeated clip count as consistent.
        """
        raters = sorted({rater for rater, _, _ in self._rows})
        inconsistent = {
            rater for rater in raters if (self._distance(rater) or 0.0) > CONSISTENCY_THRESHOLD
        }
        ratings = []
        for clip in sorted({name for _, name, _ in self._rows}):
            keys = [key for rater in raters if (key := (rater, clip, "clip")) in self._rows]
            rows = {key[0]: self._rows[key] for key in keys}
            consistent = {rater: row for rater, row in rows.items() if rater not in inconsistent}
            if rows:
                ratings.append(_merge_ratings(clip, consistent or rows))
        return ratings

    def _label_rows(self) -> Iterable[tuple[object, ...]]:
        groups = _groups(self.folder / LABELS)
        yield "path", "time", "valence", "arousal", "group"
        for one in self.ratings():
            for time, (valence, arousal) in zip(
                one.times, find_consensus(one, np.inf).mean, strict=True
            ):
                label = f"{valence:.3f}", f"{arousal:.3f}"
                yield one.name, f"{time:g}", *label, groups.get(one.name, "")


Row = tuple[NDArray[np.float64], NDArray[np.float64]]


def resample_to_grid(samples: list[Sample], start: float = 0.0) -> Row:
    """Interpolate samples at every half second from `start`.

    Returns
    -------
    times
        Seconds from `start`, (n,).
    values
        Valence and arousal, (n, 2).

    Raises
    ------
    ValueError
        Samples are too few, not numbers, descend in time, or leave the plane.
    """
    if len(samples) < 2:
        raise ValueError("nothing was rated: move in the plane while the music plays")
    table = np.array(samples, dtype=np.float64)
    if table.shape[1:] != (3,) or not np.isfinite(table).all():
        raise ValueError("invalid sample: it must be seconds, valence and arousal")
    seconds, values = table[:, 0] - start, table[:, 1:]
    if (np.diff(seconds) < 0).any() or not np.abs(values).max() <= 1.0:
        raise ValueError("invalid samples: they must ascend in time and lie in the plane")
    if seconds[-1] > _MAX_CLIP_SECONDS:
        raise ValueError("invalid samples: no clip is that long")
    first = np.ceil(max(seconds[0], 0.0) / GRID_SECONDS) * GRID_SECONDS
    times = np.arange(first, seconds[-1] + 1e-9, GRID_SECONDS)
    if not len(times):
        raise ValueError("too little was rated: rate half a second at least")
    axes = [np.interp(times, seconds, values[:, k]) for k in range(2)]
    return times, np.stack(axes, axis=1)


def _merge_ratings(name: str, rows: dict[str, Row]) -> Ratings:
    times = np.unique(np.concatenate([own for own, _ in rows.values()]))
    values = np.full((len(rows), len(times), 2), np.nan)
    for index, (own_times, own_values) in enumerate(rows.values()):
        values[index, np.searchsorted(times, own_times)] = own_values
    return Ratings(name=name, group=name, raters=tuple(rows), times=times, values=values)


def _fits_in_table(name: str) -> bool:
    """Whether a file name survives writing to and reading from a table."""
    try:
        name.encode()
    except UnicodeEncodeError:  # a file name that is not UTF-8
        return False
    return name == name.strip() and name.isprintable()


def _groups(path: Path) -> dict[str, str]:
    """Read the groups that users added to the labels, by clip."""
    if not path.exists():
        return {}
    table = Table(path)
    rows = range(len(table)) if table.has_column("group") else range(0)
    return {table.cell(row, "path"): table.cell(row, "group") for row in rows}


def _rating_rows(rows: dict[tuple[str, str, str], Row]) -> Iterable[tuple[object, ...]]:
    yield "rater", "path", "kind", "time", "valence", "arousal"
    for (rater, name, kind), (times, values) in rows.items():
        for time, (valence, arousal) in zip(times, values, strict=True):
            yield rater, name, kind, f"{time:g}", f"{valence:.3f}", f"{arousal:.3f}"


def _read_ratings(path: Path) -> dict[tuple[str, str, str], Row]:
    if not path.exists():
        return {}
    table = Table(path)
    found: dict[tuple[str, str, str], list[Sample]] = {}
    for row in range(len(table)):
        key = table.cell(row, "rater"), table.cell(row, "path"), table.cell(row, "kind")
        valence, arousal = (table.number(row, axis, UNIT) for axis in ("valence", "arousal"))
        found.setdefault(key, []).append((table.number(row, "time"), valence, arousal))
    rows = {}
    for key, samples in found.items():
        columns = np.array(samples)
        rows[key] = (columns[:, 0], columns[:, 1:])
    return rows


def _write_csv(path: Path, rows: Iterable[tuple[object, ...]]) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    partial.replace(path)
