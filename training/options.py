"""Options and helpers shared by the commands of `python -m training`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TextColumn

from training.fitting.recipe import FitRecipe

RecipeName = Annotated[
    str,
    typer.Option("--recipe", help="Name of a recipe in training/recipes, or path of a TOML file."),
]
Change = Annotated[
    str, typer.Option(help='Overrides of the recipe, such as "steps=200 saml.weight=0.5".')
]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        help="Folder that contains the folders of data sets; repeatable.",
        show_default="../shared/data and .cache/data",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        help="HTML report to write; also writes its results as JSON.",
        show_default="runs/RECIPE.html",
    ),
]
Cache = Annotated[Path, typer.Option(help="Folder of cached features and results.")]
Threads = Annotated[int, typer.Option(help="CPU threads; with 1 the weights are bit-reproducible.")]
RunDir = Annotated[
    Path | None,
    typer.Option(
        "--run-dir",
        help="Folder of checkpoints and metrics; resumes its run. One per recipe and seed.",
        show_default="runs/RECIPE",
    ),
]
Jobs = Annotated[int, typer.Option(help="Fits to run in parallel, one core each.")]
DEFAULT_DATA, DEFAULT_CACHE = [Path("../shared/data"), Path(".cache/data")], Path(".cache")


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Exit with code 1 and one line on errors in files, tables and recipes."""
    try:
        yield
    except (ValueError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


def report_path(output: Path | None, recipe: FitRecipe) -> Path:
    """Path of the HTML report, by default named as the recipe."""
    return require_html(output or Path("runs") / f"{recipe.name}.html")


def require_html(output: Path) -> Path:
    """Refuse a path that does not end in .html, before the work is done."""
    if output.suffix != ".html":
        raise ValueError(f"cannot write a report to {output}: --output must end in .html")
    return output


def is_first_rank() -> bool:
    """Whether this process writes: the only one, or rank 0 of torchrun's."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def step_progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on the first rank; yield the function to call with each step."""
    columns = (*Progress.get_default_columns(), TextColumn("{task.completed}"))
    with Progress(*columns, disable=not is_first_rank()) as progress:
        task = progress.add_task(title, total=total)
        yield lambda step: progress.update(task, completed=step)
