"""`python -m training`: fit, evaluate, compare."""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.progress import Progress

from training.judging.baselines import score_baselines
from training.datasets import READERS, Piece
from training.judging.evaluate import evaluate, write_json
from training.sound.features import auxiliary_renditions, renditions
from training.fitting.fit import fit as fit_network
from training.fitting.recipe import Recipe, load_recipe
from training.judging.report import coverage_table, differences_table, fits_table, scores_table

app = typer.Typer(
    help="The school where the model learns.", no_args_is_help=True, add_completion=False
)

RecipeName = Annotated[str, typer.Option("--recipe", help="A file in training/recipes.")]
Data = Annotated[
    Path, typer.Option(help="Folder that holds the data sets, each in its official layout.")
]
Cache = Annotated[Path, typer.Option(help="Folder for frames computed once.")]
DEFAULT_DATA, DEFAULT_CACHE = Path("../shared/data"), Path(".cache/frames")


@app.command()
def fit(
    recipe: RecipeName,
    output: Annotated[Path, typer.Option(help="Checkpoint to write.")] = Path("runs/model.pt"),
    data: Data = DEFAULT_DATA,
    cache: Cache = DEFAULT_CACHE,
    seed: int = 0,
) -> None:
    """Fit to all pieces, as many steps as the recipe says; the judging is `evaluate`'s.

    Export the checkpoint, together with the evaluation, with `python -m deploy export`.
    """
    chosen = _recipe(recipe)
    torch.set_num_threads(1)
    sounds = renditions(_read(chosen.datasets, data), chosen.sound_fonts, chosen.front_end, cache)
    sounds += auxiliary_renditions(chosen, _read(chosen.auxiliary, data), cache)
    with Progress() as progress:
        task = progress.add_task("Fitting", total=chosen.steps)
        fitted = fit_network(sounds, [], chosen, seed, lambda: progress.advance(task))
    output.parent.mkdir(parents=True, exist_ok=True)
    weights = fitted.network.state_dict()
    torch.save({"weights": weights, "recipe": asdict(chosen), "seed": seed}, output)
    typer.echo(f"wrote {output}")


@app.command(name="evaluate")
def evaluate_command(
    recipe: RecipeName,
    output: Annotated[Path, typer.Option(help="JSON to write.")],
    data: Data = DEFAULT_DATA,
    cache: Cache = DEFAULT_CACHE,
    folds: int = 5,
    seeds: int = 3,
    jobs: Annotated[int, typer.Option(help="Fits at a time, one core each.")] = 2,
    steps: Annotated[
        int | None, typer.Option(help="In place of the recipe's, for quick comparisons.")
    ] = None,
) -> None:
    """Cross-validate a recipe by group, everything chosen on validation groups."""
    chosen = _recipe(recipe)
    chosen = replace(chosen, steps=steps or chosen.steps)
    pieces, auxiliary = _read(chosen.datasets, data), _read(chosen.auxiliary, data)
    write_json(evaluate(chosen, pieces, auxiliary, cache, folds, list(range(seeds)), jobs), output)
    typer.echo(f"wrote {output}")


@app.command(name="baselines")
def baselines_command(
    recipe: RecipeName,
    output: Annotated[Path, typer.Option(help="JSON to write.")],
    data: Data = DEFAULT_DATA,
    cache: Cache = DEFAULT_CACHE,
    folds: int = 5,
) -> None:
    """Score the mean and Mel statistics + SVR on the same folds as `evaluate`."""
    chosen = _recipe(recipe)
    write_json(score_baselines(chosen, _read(chosen.datasets, data), cache, folds), output)
    typer.echo(f"wrote {output}")


@app.command()
def report(
    evaluation: Annotated[Path, typer.Argument(help="What `evaluate` wrote.")],
    compared: Annotated[Path, typer.Argument(help="What `baselines` wrote.")],
) -> None:
    """Print the tables of an evaluation as Markdown."""
    ours, theirs = (json.loads(one.read_text(encoding="utf-8")) for one in (evaluation, compared))
    tables = (
        scores_table(ours, theirs),
        differences_table(ours, theirs),
        fits_table(ours),
        coverage_table(ours),
    )
    typer.echo("\n\n".join(tables))


def _recipe(name: str) -> Recipe:
    try:
        return load_recipe(name)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _read(datasets: Iterable[str], data: Path) -> list[Piece]:
    pieces = []
    for dataset in datasets:
        folder = data / dataset
        if not folder.is_dir():
            raise typer.BadParameter(f"{folder} does not exist; --data names the folder above it")
        pieces += READERS[dataset](folder)
    return pieces


if __name__ == "__main__":
    app()
