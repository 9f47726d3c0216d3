"""What the commands of `python -m training` have in common."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TextColumn

from training.fitting.recipe import FitRecipe

RecipeName = Annotated[str, typer.Option("--recipe", help="A file in training/recipes, or a path.")]
Change = Annotated[
    str,
    typer.Option(help='Numbers of the recipe to change, such as "steps=200 saml.weight=0.5".'),
]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        help="Folder that holds data sets, each in its official layout; may be given again.",
        show_default="../shared/data and .cache/data",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        help="HTML to write; its numbers beside it, as JSON.", show_default="runs/RECIPE.html"
    ),
]
Cache = Annotated[Path, typer.Option(help="Folder for frames and embeddings, computed once.")]
Threads = Annotated[int, typer.Option(help="Cores; one gives the same weights each time.")]
DEFAULT_DATA, DEFAULT_CACHE = [Path("../shared/data"), Path(".cache/data")], Path(".cache")


@contextmanager
def bad_input() -> Iterator[None]:
    """Turn what is wrong with files, tables and recipes into one line."""
    try:
        yield
    except (ValueError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


def report(output: Path | None, recipe: FitRecipe) -> Path:
    """Give the page to write, by default named as its recipe."""
    return as_report(output or Path("runs") / f"{recipe.name}.html")


def as_report(output: Path) -> Path:
    """Refuse what is no name of a page, before the work is done: its numbers go beside it."""
    if output.suffix != ".html":
        raise ValueError(f"--output {output} must end in .html")
    return output


def leads() -> bool:
    """Whether this is the process that writes: the only one, or torchrun's first."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def steps(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress; gives what has to be called with each step."""
    columns = (*Progress.get_default_columns(), TextColumn("{task.completed}"))
    with Progress(*columns, disable=not leads()) as progress:
        task = progress.add_task(title, total=total)
        yield lambda step: progress.update(task, completed=step)
