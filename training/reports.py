"""Write results: Markdown tables, JSON, and self-contained HTML pages with inline SVG figures."""

import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
from matplotlib.figure import Figure

mpl.rcParams["svg.fonttype"] = "none"
AXIS_COLOURS = {"valence": "#b2182b", "arousal": "#2166ac"}
_UNROUNDED = {"recipe", "smoothing", "fits"}


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Format a Markdown table."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_json(summary: dict[str, Any], path: Path) -> None:
    """Write a summary as JSON: results to four decimals, settings in full, null for NaN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = {
        key: json.loads(
            json.dumps(value),
            parse_float=lambda text: round(float(text), 4),
            parse_constant=lambda _: None,
        )
        for key, value in summary.items()
        if key not in _UNROUNDED
    }
    text = json.dumps({**summary, **rounded}, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def write_page(template: Path, path: Path, figures: dict[str, Figure], **values: object) -> None:
    """Render an HTML template with inline figures; save each figure as PNG beside it, too.

    Parameters
    ----------
    template, path
        Jinja template, and file to write.
    figures
        Figures by name: SVG text as `pictures` in the template, PNG in `<name>-pictures`.
    values
        Further variables of the template; trusted, not escaped.
    """
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - our own numbers and SVG
    text = template.read_text(encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = {name: _svg(figure) for name, figure in figures.items()}
    page = environment.from_string(text).render(pictures=pictures, **values)
    path.write_text(page, encoding="utf-8")
    folder = path.with_name(f"{path.stem}-pictures")
    folder.mkdir(exist_ok=True)
    for name, figure in figures.items():
        file = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")
        figure.savefig(folder / f"{file}.png", dpi=110, bbox_inches="tight")


def _svg(figure: Figure) -> str:
    """SVG text of a figure, without its XML header."""
    file = io.StringIO()
    figure.savefig(file, format="svg", bbox_inches="tight")
    text = file.getvalue()
    return text[text.index("<svg") :]
