"""Read CSV label tables, and convert rating scales to [-1, 1]."""

import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Scale(NamedTuple):
    """Range of valence and arousal in a data set."""

    low: float
    high: float

    def convert(self, values: ArrayLike) -> NDArray[np.float64]:
        """Convert values to [-1, 1]."""
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        converted: NDArray[np.float64] = (np.asarray(values, dtype=float) - middle) / half
        return converted

    def convert_std(self, values: ArrayLike) -> NDArray[np.float64]:
        """Convert standard deviations to the scale of [-1, 1]."""
        converted: NDArray[np.float64] = (
            np.asarray(values, dtype=float) * 2 / (self.high - self.low)
        )
        return converted


UNIT = Scale(-1.0, 1.0)  # VGMIDI, dynamic DEAM and emoMusic, Memo2496
NINE_POINT = Scale(1.0, 9.0)  # static DEAM and emoMusic: self-assessment manikins
ZERO_TO_ONE = Scale(0.0, 1.0)  # PMEmo
PLUS_MINUS_TEN = Scale(-10.0, 10.0)  # musemodataset


class Table:
    """CSV file with named columns; every error names file and line.

    Spaces and tabs around names and cells are stripped.

    Raises
    ------
    ValueError
        The file is missing, is not CSV or has no rows; or, when a cell is read, it is missing or
        not a valid number.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file)
                rows = [([cell.strip() for cell in row], reader.line_num) for row in reader]
        except FileNotFoundError:
            raise ValueError(f"cannot read {path}: it is missing") from None
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"cannot read {path}: not a CSV table ({error})") from None
        rows = [(cells, line) for cells, line in rows if any(cells)]
        if not rows:
            raise ValueError(f"cannot read {path}: it is empty")
        self.columns, self._rows = rows[0][0], rows[1:]
        if not self._rows:
            raise ValueError(f"cannot read {path}: it has no rows")

    def __len__(self) -> int:
        return len(self._rows)

    def has_column(self, column: str) -> bool:
        """Whether the table has a column."""
        return column in self.columns

    def location(self, row: int) -> str:
        """File and line of a row, for error messages."""
        return f"{self.path}, line {self._rows[row][1]}"

    def cell(self, row: int, column: str) -> str:
        """Text of one cell."""
        if column not in self.columns:
            raise ValueError(f"{self.path} has no column {column!r}")
        cells, place = self._rows[row][0], self.columns.index(column)
        if place >= len(cells):
            raise ValueError(f"{self.location(row)}: no cell for {column}")
        return cells[place]

    def number(self, row: int, column: str, scale: Scale | None = None) -> float:
        """Finite number in one cell, checked against a scale if given."""
        text = self.cell(row, column)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"{self.location(row)}: {column} is {text!r}, not a number")
        if scale and not scale.low <= value <= scale.high:
            raise ValueError(
                f"{self.location(row)}: {column} is {text}, outside {scale.low:g} to {scale.high:g}"
            )
        return value

    def series(
        self, row: int, prefix: str, scale: Scale | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Read times in seconds and values of the columns `prefix<milliseconds>ms` of a row.

        Empty cells are left out.
        """
        times, values = [], []
        for column in self.columns:
            if column.startswith(prefix) and self.cell(row, column):
                milliseconds = column.removeprefix(prefix).removesuffix("ms")
                if not milliseconds.isdecimal():
                    raise ValueError(f"{self.path}: column {column!r} is not {prefix}<number>ms")
                times.append(int(milliseconds) / 1000)
                values.append(self.number(row, column, scale))
        if not values:
            raise ValueError(f"{self.location(row)}: no value in any column {prefix}<number>ms")
        return np.array(times), np.array(values)


def find_table(folder: Path, name: str) -> Path | None:
    """Find a table anywhere below a folder, because data sets come in several layouts."""
    return next(iter(sorted(folder.rglob(name))), None)


def find_audio_files(folder: Path) -> dict[str, Path]:
    """Find the audio files below a folder, by name without suffix."""
    suffixes = {".mp3", ".wav", ".flac", ".ogg", ".m4a"}
    return {one.stem: one for one in sorted(folder.rglob("*")) if one.suffix.lower() in suffixes}
