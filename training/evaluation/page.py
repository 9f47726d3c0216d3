"""Results as one HTML file that needs nothing beside it, with its pictures for other uses."""

import re
from pathlib import Path

import jinja2
from matplotlib.figure import Figure

from training.evaluation.figures import svg


def write_page(template: Path, path: Path, figures: dict[str, Figure], **values: object) -> None:
    """Fill in a template and write it.

    Parameters
    ----------
    template, path
        What is filled in, and the file to write.
    figures
        Pictures by name, `pictures` in the template; each also as PNG in `<name>-pictures` beside.
    values
        Our own numbers and SVG.
    """
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - our own numbers and SVG
    text = template.read_text(encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = {name: svg(figure) for name, figure in figures.items()}
    page = environment.from_string(text).render(pictures=pictures, **values)
    path.write_text(page, encoding="utf-8")
    folder = path.with_name(f"{path.stem}-pictures")
    folder.mkdir(exist_ok=True)
    for name, figure in figures.items():
        file = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")
        figure.savefig(folder / f"{file}.png", dpi=110, bbox_inches="tight")
