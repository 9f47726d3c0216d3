"""One rater's sitting: exemplars, clips, one clip again; ratings and labels as CSV.

A rater first hears four exemplars of extreme emotion, the sections of the demo piece, and is told
where each belongs. The first clip comes again at the end: ratings that are on average farther than
0.25 from those of before, in the valence/arousal plane, are not consistent (Memo2496's protocol as
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
from training.annotation.consensus import CONSISTENT, agree
from training.datasets.own import LABELS
from training.datasets.records import Ratings
from training.datasets.tables import UNIT, Table
from training.datasets.unlabelled import SUFFIXES

RATINGS = "ratings.csv"
GRID_SECONDS = 0.5
QUADRANTS = {"calm": (1, -1), "joyful": (1, 1), "tense": (-1, 1), "sorrowful": (-1, -1)}
_EXEMPLAR_SECONDS = 12.0
_LONGEST_SECONDS = 6 * 3600.0

Kind = Literal["exemplar", "clip", "again"]
Sample = tuple[float, float, float]


class Step(NamedTuple):
    """Something to listen to.

    Attributes
    ----------
    kind
        An exemplar, a clip, or a clip that is heard again.
    name
        Of the exemplar's mood, or path of the clip below the folder.
    sound
        The file.
    start, end
        The part that is played, in seconds; to the end where `end` is None.
    """

    kind: Kind
    name: str
    sound: Path
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said to the rater of what has just been rated.

    Attributes
    ----------
    good
        The exemplar lies in its quadrant; the clip was rated as before; always true of a new clip.
    distance
        From before, where a clip was heard again.
    """

    good: bool
    distance: float | None = None


class Session:
    """A rater's way through a folder of music.

    Parameters
    ----------
    folder
        Sound files, also in folders below; `ratings.csv` and `labels.csv` are written beside them.
    rater
        Name; the order of the clips depends on it.

    Attributes
    ----------
    steps
        What is heard, in this order.
    token
        Names the sitting, so that no page of another one speaks into it.
    left_out
        Files whose names a table cannot hold.

    Raises
    ------
    ValueError
        There is no sound, `ratings.csv` is damaged, or `labels.csv` was not made here.
    """

    def __init__(self, folder: Path, rater: str) -> None:
        self.folder, self.rater = folder, rater
        self.token = secrets.token_urlsafe(8)
        paths = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES]
        names = sorted(str(path.relative_to(folder)) for path in paths if path.is_file())
        self.left_out = [name for name in names if not _is_plain(name)]
        names = [name for name in names if _is_plain(name)]
        if not names:
            raise ValueError(f"{folder} holds no sound")
        if (folder / LABELS).exists() and not (folder / RATINGS).exists():
            raise ValueError(f"{folder / LABELS} was not made here; move it away first")
        self._rows = _read(folder / RATINGS)
        random.Random(rater).shuffle(names)
        self.steps = [
            Step("exemplar", part.name, PIECE, part.start, part.start + _EXEMPLAR_SECONDS)
            for part in sections()
        ]
        self.steps += [Step("clip", name, folder / name) for name in names]
        self.steps.append(Step("again", names[0], folder / names[0]))

    def is_done(self, step: Step) -> bool:
        """Whether the rater has been here, in this sitting or an earlier one.

        Exemplars are done with the first clip.
        """
        if step.kind == "exemplar":
            return any(who == self.rater for who, _, _ in self._rows)
        return (self.rater, step.name, step.kind) in self._rows

    def add(self, number: int, samples: list[Sample]) -> Verdict:
        """Take the ratings of a step, (seconds, valence, arousal) each, and write both tables.

        Raises
        ------
        ValueError
            There is no such step, or its samples are few, fall in time or leave the plane.
        """
        if number >= len(self.steps):
            raise ValueError(f"there is no step {number}")
        step = self.steps[number]
        times, values = on_grid(samples, step.start)
        if step.kind == "exemplar":
            later = values[len(values) // 2 :].mean(axis=0)
            return Verdict(good=bool((np.sign(later) == QUADRANTS[step.name]).all()))
        rows = _read(self.folder / RATINGS)  # others may be rating too
        if step.kind == "again":  # only the last one counts
            rows = {key: row for key, row in rows.items() if key[::2] != (self.rater, "again")}
        rows[self.rater, step.name, step.kind] = (times, values)
        self._rows = rows
        distance = self._distance(self.rater) if step.kind == "again" else None
        _write(self.folder / RATINGS, _rating_rows(rows))
        _write(self.folder / LABELS, self._label_rows())
        return Verdict(good=distance is None or distance <= CONSISTENT, distance=distance)

    def _distance(self, rater: str) -> float | None:
        """Mean distance of a rater's two ratings of one clip; None where there are not two."""
        for (who, name, kind), (times, again) in self._rows.items():
            if who != rater or kind != "again" or (rater, name, "clip") not in self._rows:
                continue
            before_times, before = self._rows[rater, name, "clip"]
            both = np.isin(before_times, times), np.isin(times, before_times)
            if not both[0].any():
                raise ValueError("no moment was rated both times: move while the music plays")
            return float(np.sqrt(((before[both[0]] - again[both[1]]) ** 2).sum(axis=1)).mean())
        return None

    def ratings(self) -> list[Ratings]:
        """Give the first ratings of every clip, of those raters who are not inconsistent.

        Where nobody else rated a clip, the inconsistent ones are taken. Who has not yet heard a
        clip again is trusted.
        """
        raters = sorted({who for who, _, _ in self._rows})
        doubtful = {who for who in raters if (self._distance(who) or 0.0) > CONSISTENT}
        answer = []
        for clip in sorted({name for _, name, _ in self._rows}):
            keys = [key for who in raters if (key := (who, clip, "clip")) in self._rows]
            rows = {key[0]: self._rows[key] for key in keys}
            trusted = {who: row for who, row in rows.items() if who not in doubtful} or rows
            if trusted:
                answer.append(_together(clip, trusted))
        return answer

    def _label_rows(self) -> Iterable[tuple[object, ...]]:
        groups = _groups(self.folder / LABELS)
        yield "path", "time", "valence", "arousal", "group"
        for one in self.ratings():
            for time, (valence, arousal) in zip(one.times, agree(one, np.inf).mean, strict=True):
                said = f"{valence:.3f}", f"{arousal:.3f}"
                yield one.name, f"{time:g}", *said, groups.get(one.name, "")


Row = tuple[NDArray[np.float64], NDArray[np.float64]]


def on_grid(samples: list[Sample], start: float = 0.0) -> Row:
    """Bring samples to a grid of half seconds from the start of what is heard: times, values."""
    if len(samples) < 2:
        raise ValueError("nothing was rated: move in the plane while the music plays")
    table = np.array(samples, dtype=np.float64)
    if table.shape[1:] != (3,) or not np.isfinite(table).all():
        raise ValueError("a sample is seconds, valence and arousal")
    seconds, values = table[:, 0] - start, table[:, 1:]
    if (np.diff(seconds) < 0).any() or not np.abs(values).max() <= 1.0:
        raise ValueError("samples must rise in time and lie in the plane")
    if seconds[-1] > _LONGEST_SECONDS:
        raise ValueError("no clip is that long")
    first = np.ceil(max(seconds[0], 0.0) / GRID_SECONDS) * GRID_SECONDS
    times = np.arange(first, seconds[-1] + 1e-9, GRID_SECONDS)
    if not len(times):
        raise ValueError("too little was rated: half a second at least")
    axes = [np.interp(times, seconds, values[:, k]) for k in range(2)]
    return times, np.stack(axes, axis=1)


def _together(name: str, rows: dict[str, Row]) -> Ratings:
    times = np.unique(np.concatenate([own for own, _ in rows.values()]))
    values = np.full((len(rows), len(times), 2), np.nan)
    for place, (own, said) in enumerate(rows.values()):
        values[place, np.searchsorted(times, own)] = said
    return Ratings(name=name, group=name, raters=tuple(rows), times=times, values=values)


def _is_plain(name: str) -> bool:
    """Whether a name comes back from a table as it went in."""
    try:
        name.encode()
    except UnicodeEncodeError:  # a file name that is not UTF-8
        return False
    return name == name.strip() and name.isprintable()


def _groups(path: Path) -> dict[str, str]:
    """Give the groups that somebody wrote into the labels, by clip."""
    if not path.exists():
        return {}
    table = Table(path)
    rows = range(len(table)) if table.has("group") else range(0)
    return {table.text(row, "path"): table.text(row, "group") for row in rows}


def _rating_rows(rows: dict[tuple[str, str, str], Row]) -> Iterable[tuple[object, ...]]:
    yield "rater", "path", "kind", "time", "valence", "arousal"
    for (rater, name, kind), (times, values) in rows.items():
        for time, (valence, arousal) in zip(times, values, strict=True):
            yield rater, name, kind, f"{time:g}", f"{valence:.3f}", f"{arousal:.3f}"


def _read(path: Path) -> dict[tuple[str, str, str], Row]:
    if not path.exists():
        return {}
    table = Table(path)
    found: dict[tuple[str, str, str], list[Sample]] = {}
    for row in range(len(table)):
        key = table.text(row, "rater"), table.text(row, "path"), table.text(row, "kind")
        valence, arousal = (table.number(row, axis, UNIT) for axis in ("valence", "arousal"))
        found.setdefault(key, []).append((table.number(row, "time"), valence, arousal))
    rows = {}
    for key, samples in found.items():
        columns = np.array(samples)
        rows[key] = (columns[:, 0], columns[:, 1:])
    return rows


def _write(path: Path, rows: Iterable[tuple[object, ...]]) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    partial.replace(path)
