"""Plot the estimates over the demo piece: `python -m deploy.demo.picture`."""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from numpy.typing import NDArray

from streamer.demo import PIECE, Section, sections

_COLOURS = {"valence": "#c2571a", "arousal": "#1f6f8b"}
_SHADES = ("#eef4ee", "#fdf3dc", "#f7e3e0", "#e6eaf3")


def main(
    output: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("docs/demo.png"),
) -> None:
    """Analyze the demo piece, plot the estimates, and print the means of each section."""
    columns = _analyze(PIECE)
    figure, panels = plt.subplots(2, 1, figsize=(9, 4.2), sharex=True, layout="constrained")
    for panel, axis in zip(panels, _COLOURS, strict=True):
        _draw(panel, axis, columns)
    panels[-1].set_xlabel("seconds")
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=110)
    for section in sections():
        inside = (columns["time"] >= section.start) & (columns["time"] < section.end)
        means = (f"{axis} {columns[axis][inside].mean():+.2f}" for axis in _COLOURS)
        typer.echo(f"{section.name:10} {'  '.join(means)}")


def _analyze(sound: Path) -> dict[str, NDArray[np.float64]]:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "demo.csv"
        command = [sys.executable, "-m", "streamer", "analyze", str(sound), "--output", str(table)]
        subprocess.run(command, check=True)  # noqa: S603 - our own command line
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != "file"]
    return {name: np.array([float(row[name]) for row in rows]) for name in names}


def _draw(panel: Axes, axis: str, columns: dict[str, NDArray[np.float64]]) -> None:
    time, value, spread = columns["time"], columns[axis], columns[f"{axis}_std"]
    parts: tuple[Section, ...] = sections()
    for section, shade in zip(parts, _SHADES, strict=True):
        panel.axvspan(section.start, section.end, color=shade, lw=0)
        panel.text((section.start + section.end) / 2, 0.86, section.name, ha="center", color="#555")
    panel.axhline(0.0, color="#999", lw=0.6)
    panel.plot(time, columns[f"raw_{axis}"], color=_COLOURS[axis], lw=0.5, alpha=0.45)
    panel.fill_between(time, value - spread, value + spread, color=_COLOURS[axis], alpha=0.15, lw=0)
    panel.plot(time, value, color=_COLOURS[axis], lw=1.8)
    panel.set(ylabel=axis, ylim=(-1, 1.1), xlim=(0, parts[-1].end))
    panel.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    typer.run(main)
