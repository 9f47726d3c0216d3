"""Commands of `python -m training`."""

from pathlib import Path
from typing import Annotated

import torch
import typer
import uvicorn
from rich.console import Console
from rich.table import Table

from training.annotation.agreement_report import write_agreement_report
from training.annotation.reliability import agreement_markdown, compare_label_methods
from training.annotation.server import make_app
from training.annotation.session import Session
from training.datasets import CATALOGUE, find_data_set, read_data_sets
from training.datasets.own import LABELS
from training.datasets.vgmidi import read_vgmidi_ratings
from training.evaluation_commands import (
    ablate,
    attention,
    compare,
    evaluate,
    leave_one_out,
    tables,
)
from training.fitting.checkpoint import save_atomically
from training.fitting.distill import distill as distill_network
from training.fitting.label_scale import read_in_network_scale
from training.fitting.pretrained import (
    PRETRAINED_DIR,
    Pretrained,
    fold_student,
    load_pretrained,
    save_pretrained,
)
from training.fitting.recipe import DistillRecipe, FitRecipe
from training.fitting.recipe_files import load_any_recipe, load_recipe, with_overrides
from training.fitting.selection import (
    FitData,
    embedded_renditions,
    every_rendition,
    hold_out_groups,
    load_distillation_data,
    load_fit_data,
    training_renditions,
)
from training.fitting.soup import fit_soup
from training.fitting.targets import FurtherTeachers, load_targets
from training.options import (
    DEFAULT_CACHE,
    DEFAULT_DATA,
    Cache,
    Change,
    Data,
    RecipeName,
    RunDir,
    Threads,
    exit_on_error,
    is_first_rank,
    require_html,
    step_progress,
)
from training.reports import write_json
from training.sound.feature_cache import (
    load_renditions,
    pack_frames,
    select_part,
)
from training.sound.published import find_published_models
from training.splits import fold_of_each, validation_split

app = typer.Typer(
    help="Train and evaluate networks, annotate music, and list data sets.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def features(
    recipe: RecipeName,
    part: Annotated[
        str, typer.Option(help="Part to compute, n/N, to split the work among N machines.")
    ] = "1/1",
    pack: Annotated[
        Path | None,
        typer.Option(help="Folder for a packed copy: a few large files of frames."),
    ] = None,
    data: Data = None,
    cache: Cache = DEFAULT_CACHE,
) -> None:
    """Compute the features for `fit`, `distill` and `evaluate`, all or a part; pack them.

    A packed folder, or several merged by copying, is a valid --cache of every command.
    """
    with exit_on_error():
        number, parts = _parse_part(part)
        chosen = load_any_recipe(recipe)
        if chosen.origin == "external":
            raise ValueError(
                f"cannot compute features for {recipe}: its data sets have precomputed views"
            )
        pieces = read_data_sets(chosen.all_datasets, data or DEFAULT_DATA)
        needed = every_rendition(chosen, pieces)
        own = select_part(needed, number, parts)
        renditions = load_renditions(own, chosen.front_end, cache)
        hours = sum(one.seconds(chosen.front_end) for one in renditions) / 3600
        typer.echo(f"part {part}: {len(own)} renditions, {hours:.2f} h, in {cache}")
        own = select_part(embedded_renditions(chosen, pieces), number, parts)
        if isinstance(chosen, DistillRecipe):
            load_targets(own, FurtherTeachers.of(chosen, data or DEFAULT_DATA), cache)
        elif published := find_published_models(
            data or DEFAULT_DATA, required=bool(chosen.teacher_labels)
        ):
            published.load_features(own, cache)
        if pack:
            shards = pack_frames(renditions, chosen.front_end, pack)
            typer.echo(f"packed into {len(shards)} new shards in {pack}")


def _parse_fold(text: str) -> tuple[int, int]:
    fold, _, folds = text.partition("/")
    if not (fold.isdecimal() and folds.isdecimal() and int(fold) < int(folds)):
        raise ValueError(f"invalid --without-fold {text}: the second fold of five is 1/5")
    return int(fold), int(folds)


def _parse_part(text: str) -> tuple[int, int]:
    number, _, parts = text.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise ValueError(f"invalid --part {text}: the second part of four is 2/4")
    return int(number), int(parts)


@app.command()
def distill(
    recipe: RecipeName = "student",
    run: RunDir = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Weights to write.", show_default="training/pretrained/RECIPE.pt"),
    ] = None,
    data: Data = None,
    cache: Cache = DEFAULT_CACHE,
    seed: int = 0,
    threads: Threads = 1,
    without_fold: Annotated[
        str,
        typer.Option(
            help="Leave out fold k of n of labelled data sets, k/n from 0/n; for `evaluate` with "
            "`fold_students` in its recipe."
        ),
    ] = "",
) -> None:
    """Train a student to predict MusiCNN's embedding, without labels; `fit` starts from it."""
    with exit_on_error():
        chosen = load_recipe(DistillRecipe, recipe)
        name = chosen.name
        pieces = read_data_sets(chosen.all_datasets, data or DEFAULT_DATA)
        if without_fold:
            fold, folds = _parse_fold(without_fold)
            name = f"{name}-{fold}of{folds}"
            output = output or fold_student(chosen.name, fold, folds, cache)
        run = run or Path("runs") / name
        teachers = FurtherTeachers.of(chosen, data or DEFAULT_DATA)
        pretrained = load_pretrained(chosen)
        held_out = pretrained.held_out if pretrained else hold_out_groups(pieces, chosen, seed)
        if without_fold:
            fold_of = fold_of_each([piece for piece in pieces if len(piece.times)], folds)
            held_out = held_out | {group for group, its in fold_of.items() if its == fold}
        statistics = (pretrained.mean, pretrained.std) if pretrained else None
        training, validation = load_distillation_data(
            pieces, chosen, held_out, statistics, cache, teachers
        )
        torch.set_num_threads(threads)
        typer.echo(f"{len(training)} windows for training, {len(validation)} held out")
        with step_progress("Distilling", chosen.steps) as progress:
            student, result = distill_network(
                training, validation, chosen, seed, pretrained=pretrained, run=run, on_step=progress
            )
        output = output or PRETRAINED_DIR / f"{chosen.name}.pt"
        new = Pretrained(student.state_dict(), training.mean, training.std, held_out)
        if is_first_rank():
            save_pretrained(new, chosen, seed, dict(result.history)[result.step], output)
            typer.echo(f"wrote {output}")


@app.command()
def fit(
    recipe: RecipeName,
    change: Change = "",
    run: RunDir = None,
    data: Data = None,
    cache: Cache = DEFAULT_CACHE,
    seed: int = 0,
    threads: Threads = 1,
) -> None:
    """Train on all groups except validation groups, which select the best step.

    Writes model.pt into the run folder, for `python -m deploy export`. To
    cross-validate a recipe, use `evaluate`.
    """
    with exit_on_error():
        chosen = with_overrides(load_recipe(FitRecipe, recipe), change)
        if change and run is None:
            raise ValueError(
                "cannot use the default run folder with --change: name a --run-dir for it"
            )
        run = run or Path("runs") / chosen.name
        pieces = read_in_network_scale(
            chosen.all_datasets, chosen.label_scales, data or DEFAULT_DATA
        )
        published = find_published_models(
            data or DEFAULT_DATA, required=bool(chosen.teacher_labels)
        )
        load_renditions(training_renditions(chosen, pieces), chosen.front_end, cache)
        pretrained = load_pretrained(chosen)
        torch.set_num_threads(threads)

        def load_data(number: int) -> FitData:
            split = validation_split(pieces, seed * chosen.fits + number, chosen.datasets)
            return load_fit_data(split, pieces, chosen, cache, published)

        with step_progress("Fitting", chosen.fits * chosen.steps) as progress:
            soup = fit_soup(
                load_data, chosen, seed, pretrained=pretrained, run=run, on_step=progress
            )
        weights = soup.network.state_dict()
        content = {"weights": weights, "recipe": chosen.model_dump(mode="json"), "seed": seed}
        if is_first_rank():
            save_atomically(content, run / "model.pt")
            typer.echo(f"wrote {run / 'model.pt'}")


for evaluation_command in (evaluate, leave_one_out, ablate, attention, tables, compare):
    app.command()(evaluation_command)


@app.command()
def annotate(
    folder: Annotated[Path, typer.Argument(help="Folder of your music, also in subfolders.")],
    rater: Annotated[str, typer.Option(help="Name of the rater.")] = "me",
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8123,
) -> None:
    """Rate your own music in the browser, for the data set `own`.

    A session begins with four examples of strong emotions and ends with a
    repeated clip. All ratings are in FOLDER/ratings.csv. FOLDER/labels.csv is
    their mean, in which raters close to the others weigh more.
    """
    with exit_on_error():
        session = Session(folder, rater)
        for name in session.skipped_files:
            typer.echo(f"skipped {name!r}: its name cannot be stored in a table", err=True)
        typer.echo(f"{len(session.steps)} steps: http://127.0.0.1:{port} (Ctrl-C ends)")
        uvicorn.run(make_app(session), host="127.0.0.1", port=port, log_level="warning")
        if (folder / LABELS).exists():
            typer.echo(f"labels: {folder / LABELS}")


@app.command()
def agreement(
    data: Data = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="Random splits of the raters into halves.")
    ] = 20,
    output: Annotated[
        Path, typer.Option(help="HTML report to write; also writes its results as JSON.")
    ] = Path("runs/agreement.html"),
) -> None:
    """Report the agreement of VGMIDI's raters, and the effect of filtering and weighting them."""
    with exit_on_error():
        folder = find_data_set("vgmidi", data or DEFAULT_DATA)
        if folder is None:
            raise ValueError(
                "cannot find vgmidi; `python -m training datasets` says where to get it"
            )
        output = require_html(output)
        ratings = read_vgmidi_ratings(folder)
        methods = compare_label_methods(ratings, rounds)
        typer.echo(agreement_markdown(ratings, methods))
        summary = write_agreement_report(ratings, methods, output)
        write_json(summary, output.with_suffix(".json"))
        typer.echo(f"wrote {output} and {output.with_suffix('.json')}")


@app.command()
def datasets(data: Data = None) -> None:
    """List the supported data sets: content, source, terms, and the folder if found."""
    roots = data or DEFAULT_DATA
    table = Table("name", "folder", "content", "source", "terms", "found", show_lines=True)
    for one in CATALOGUE.values():
        found = find_data_set(one.name, roots)
        table.add_row(
            one.name, one.folder, one.content, one.source, one.terms, str(found) if found else "no"
        )
    Console().print(table)
    typer.echo(f"Searched {', '.join(map(str, roots))}; --data names other folders.")
