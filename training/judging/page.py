"""Results as one HTML file that needs nothing beside it."""

from pathlib import Path

import jinja2


def write_page(template: Path, path: Path, **values: object) -> None:
    """Fill in a template and write it; values are our own numbers and SVG."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - our own numbers and SVG
    text = template.read_text(encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(environment.from_string(text).render(**values), encoding="utf-8")
