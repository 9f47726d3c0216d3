"""Commands of `python -m training` that evaluate and compare networks."""

import json
from pathlib import Path
from typing import Annotated

import torch
import typer

from training.evaluation.ablation import FULL, ablation_arms, summarise
from training.evaluation.ablation import ablate as run_ablation
from training.evaluation.ablation import markdown as ablation_markdown
from training.evaluation.ablation_report import write_ablation_report
from training.evaluation.attention import attention_table, cut_audio_windows, load_fitted
from training.evaluation.compare import compare as compare_evaluations
from training.evaluation.evaluate import evaluate as evaluate_recipe
from training.evaluation.evaluation_report import write_evaluation_report
from training.evaluation.figures import attention as plot_attention
from training.evaluation.leave_one_out import leave_one_out as run_leave_one_out
from training.evaluation.leave_one_out import markdown as leave_one_out_markdown
from training.evaluation.markdown import markdown as evaluation_markdown
from training.fitting.label_scale import read_in_network_scale
from training.fitting.recipe import FitRecipe
from training.fitting.recipe_files import load_recipe, with_overrides
from training.options import (
    DEFAULT_CACHE,
    DEFAULT_DATA,
    Cache,
    Change,
    Data,
    Jobs,
    RecipeName,
    Report,
    exit_on_error,
    report_path,
)
from training.reports import write_json
from training.sound.published import find_published_models
from training.sound.render import decode


def evaluate(
    recipe: RecipeName,
    change: Change = "",
    output: Report = None,
    data: Data = None,
    cache: Cache = DEFAULT_CACHE,
    folds: int = 5,
    seeds: int = 3,
    jobs: Jobs = 2,
) -> None:
    """Cross-validate a recipe and baselines by group; write an HTML report and a JSON file."""
    with exit_on_error():
        chosen = with_overrides(load_recipe(FitRecipe, recipe), change)
        if change and output is None:
            raise ValueError("cannot use the default report with --change: name an --output for it")
        output = report_path(output, chosen)
        pieces = read_in_network_scale(
            chosen.all_datasets, chosen.label_scales, data or DEFAULT_DATA
        )
        published = find_published_models(
            data or DEFAULT_DATA, required=bool(chosen.teacher_labels)
        )
        evaluation = evaluate_recipe(
            chosen, pieces, cache, folds, list(range(seeds)), jobs, published
        )
        write_json(evaluation.summary, output.with_suffix(".json"))
        write_evaluation_report(evaluation, chosen, cache, output)
    typer.echo(f"wrote {output} and {output.with_suffix('.json')}")


def leave_one_out(
    recipe: RecipeName,
    change: Change = "",
    also: Annotated[
        list[str] | None,
        typer.Option(help="Further labelled data set, evaluated but never trained on; repeatable."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="JSON file to write.", show_default="runs/RECIPE-leave-one-out.json"),
    ] = None,
    data: Data = None,
    cache: Cache = DEFAULT_CACHE,
    seeds: int = 3,
    jobs: Jobs = 2,
) -> None:
    """Fit without each data set in turn, and evaluate on it; print a table.

    This measures generalisation to other music and raters. The baselines were
    not fitted to the data set either.
    """
    with exit_on_error():
        chosen = with_overrides(load_recipe(FitRecipe, recipe), change)
        output = output or Path("runs") / f"{chosen.name}-leave-one-out.json"
        extra = tuple(one for one in also or () if one not in chosen.datasets)
        names = dict.fromkeys([*chosen.all_datasets, *extra])
        pieces = read_in_network_scale(names, chosen.label_scales, data or DEFAULT_DATA)
        published = find_published_models(
            data or DEFAULT_DATA, required=bool(chosen.teacher_labels)
        )
        table = run_leave_one_out(chosen, pieces, cache, list(range(seeds)), jobs, published, extra)
        write_json({"recipe": chosen.model_dump(mode="json"), "scores": table}, output)
        typer.echo(leave_one_out_markdown(table))
    typer.echo(f"wrote {output}")


def ablate(
    recipe: RecipeName = "ablation",
    output: Report = None,
    data: Data = None,
    cache: Cache = DEFAULT_CACHE,
    drift_of: Annotated[
        str, typer.Option(help="Data set on whose embeddings style and track are classified.")
    ] = "musemodataset",
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help='Further arm: overrides of the recipe, such as "network.layers=2 pcl=none"; '
            "repeatable."
        ),
    ] = None,
    against: Annotated[str, typer.Option(help="Name of the reference arm; not constant-Q.")] = FULL,
    jobs: Jobs = 2,
) -> None:
    """Fit without each component in turn, on every fold; report paired differences."""
    with exit_on_error():
        chosen = load_recipe(FitRecipe, recipe)
        recipes = ablation_arms(chosen, variant or [])
        output = report_path(output, chosen)
        if drift_of not in chosen.datasets:
            raise ValueError(
                f"invalid --drift-of {drift_of}: {chosen.name} has {', '.join(chosen.datasets)}"
            )
        if against not in recipes:
            raise ValueError(f"invalid --against {against}: arms are {', '.join(recipes)}")
        names = dict.fromkeys(name for one in recipes.values() for name in one.all_datasets)
        pieces = read_in_network_scale(names, chosen.label_scales, data or DEFAULT_DATA)
        arms = run_ablation(chosen, pieces, cache, jobs, variant or [])
        summary = summarise(arms, list(chosen.datasets), against)
        typer.echo(ablation_markdown(summary, against))
        numbers = write_ablation_report(arms, summary, pieces, drift_of, cache, output, against)
        write_json(numbers, output.with_suffix(".json"))
        typer.echo(f"wrote {output} and {output.with_suffix('.json')}")


def attention(
    model: Annotated[Path, typer.Argument(help="File model.pt written by `fit`.")],
    sounds: Annotated[list[Path], typer.Argument(help="Audio files.")],
    at: Annotated[
        float,
        typer.Option(min=0.0, max=1e6, help="Start of the plotted window in the first file, s."),
    ] = 0.0,
    output: Annotated[Path, typer.Option(help="Figure to write: png, svg or pdf.")] = Path(
        "runs/attention.png"
    ),
) -> None:
    """Plot the attention between the views in one window; print statistics of all windows."""
    with exit_on_error():
        network, spec = load_fitted(model)
        windows = [cut_audio_windows(decode(one, spec.sample_rate), spec) for one in sounds]
        mel, cochleagram = (torch.cat(parts) for parts in zip(*windows, strict=True))
        start = round(at * spec.sample_rate)
        try:
            plotted = cut_audio_windows(decode(sounds[0], spec.sample_rate)[start:], spec)
        except ValueError as error:
            raise ValueError(f"cannot plot from --at {at:g}: {error}") from None
        typer.echo(attention_table(network, (mel, cochleagram), spec))
        title = f"{sounds[0].name} at {at:g} s"
        figure = plot_attention(title, network, plotted[0][:1], plotted[1][:1])
        output.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(output, bbox_inches="tight")
        typer.echo(f"wrote {output}")


def tables(
    summary: Annotated[Path, typer.Argument(help="JSON file written by `evaluate`.")],
) -> None:
    """Print the tables of an evaluation as Markdown."""
    with exit_on_error():
        typer.echo(evaluation_markdown(json.loads(summary.read_text(encoding="utf-8"))))


def compare(
    before: Annotated[Path, typer.Argument(help="JSON file written by `evaluate` for one recipe.")],
    after: Annotated[Path, typer.Argument(help="JSON file of another recipe.")],
) -> None:
    """Print the scores of two evaluations and their differences with intervals, as Markdown."""
    with exit_on_error():
        one, other = (json.loads(path.read_text(encoding="utf-8")) for path in (before, after))
        typer.echo(compare_evaluations(one, other))
