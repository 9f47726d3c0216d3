"""The commands of `python -m training`."""

import json
from pathlib import Path
from typing import Annotated

import torch
import typer
import uvicorn
from rich.console import Console
from rich.table import Table

from training.annotation.reliability import compare_ways
from training.annotation.reliability import markdown as rater_tables
from training.annotation.report import write_agreement
from training.annotation.server import make_app
from training.annotation.session import Session
from training.datasets import CATALOGUE, Piece, find_data_set, read_data_sets
from training.datasets.own import LABELS
from training.datasets.vgmidi import read_vgmidi_ratings
from training.evaluation.ablation import FULL, arms_of, summarise
from training.evaluation.ablation import ablate as run_ablation
from training.evaluation.ablation import markdown as ablation_table
from training.evaluation.ablation_report import write_ablation
from training.evaluation.attention import attention_table, open_fitted, windows_of
from training.evaluation.compare import compare as compare_evaluations
from training.evaluation.evaluate import evaluate as evaluate_recipe
from training.evaluation.evaluate import write_json
from training.evaluation.figures import attention as draw_attention
from training.evaluation.folds import hold_out, validation_split
from training.evaluation.report import write_report
from training.evaluation.tables import markdown
from training.features import features
from training.fitting.distill import distill as distill_network
from training.fitting.loop import write_whole
from training.fitting.pretrained import PRETRAINED, Pretrained, load_pretrained, save_pretrained
from training.fitting.recipe import DistillRecipe, FitRecipe, changed, load_recipe
from training.fitting.sampling import EmbeddedSampler
from training.fitting.soup import Sides, fit_soup, open_sides
from training.options import DEFAULT_CACHE as DEFAULT_CACHE
from training.options import DEFAULT_DATA as DEFAULT_DATA
from training.options import (
    Cache,
    Change,
    Data,
    RecipeName,
    Report,
    Threads,
    as_report,
    bad_input,
    leads,
    report,
    steps,
)
from training.sound.features import in_turn, open_embeddings, open_frames, training_work
from training.sound.render import decode

app = typer.Typer(
    help="The school where the model learns.", no_args_is_help=True, add_completion=False
)
app.command()(features)


@app.command()
def distill(
    recipe: RecipeName = "student",
    run: Annotated[
        Path, typer.Option("--run-dir", help="Folder for state and logs; goes on there.")
    ] = Path("runs/student"),
    output: Annotated[
        Path | None,
        typer.Option(help="Weights to write.", show_default="training/pretrained/RECIPE.pt"),
    ] = None,
    data: Data = None,
    cache: Cache = DEFAULT_CACHE,
    seed: int = 0,
    threads: Threads = 1,
) -> None:
    """Teach a network MusiCNN's embedding of music without labels; `fit` begins with it."""
    with bad_input():
        chosen = load_recipe(DistillRecipe, recipe)
        pieces = read_data_sets(chosen.pool, data or DEFAULT_DATA)
        begun = load_pretrained(chosen)
        held = begun.held_out if begun else _held_out(pieces, chosen, seed)
        work = in_turn(pieces, chosen.renderings)
        learnt, held_out = (
            [one for one in work if ((one[0].dataset, one[0].group) in held) == side]
            for side in (False, True)
        )
        heard = EmbeddedSampler(
            open_frames(learnt, chosen.front_end, cache),
            open_embeddings(learnt, cache),
            chosen.front_end,
            (begun.mean, begun.std) if begun else None,
        )
        watched = EmbeddedSampler(
            open_frames(held_out, chosen.front_end, cache),
            open_embeddings(held_out, cache),
            chosen.front_end,
            (heard.mean, heard.std),
        )
        torch.set_num_threads(threads)
        typer.echo(f"{len(heard)} windows to learn from, {len(watched)} held out")
        with steps("Distilling", chosen.steps) as progress:
            student, trained = distill_network(
                heard, watched, chosen, seed, pretrained=begun, run=run, on_step=progress
            )
        output = output or PRETRAINED / f"{chosen.name}.pt"
        taught = Pretrained(student.state_dict(), heard.mean, heard.std, held)
        if leads():
            save_pretrained(taught, chosen, seed, dict(trained.history)[trained.step], output)
            typer.echo(f"wrote {output}")


def _held_out(pieces: list[Piece], recipe: DistillRecipe, seed: int) -> set[tuple[str, str]]:
    """Choose data set and group of what is only watched."""
    held = set()
    for dataset in recipe.pool:
        own = [piece for piece in pieces if piece.dataset == dataset]
        held |= {(dataset, group) for group in hold_out(own, recipe.validation_share, seed)}
    return held


@app.command()
def fit(
    recipe: RecipeName,
    change: Change = "",
    run: Annotated[
        Path | None,
        typer.Option(
            "--run-dir",
            help="Folder for state and logs; goes on there.",
            show_default="runs/RECIPE",
        ),
    ] = None,
    data: Data = None,
    cache: Cache = DEFAULT_CACHE,
    seed: int = 0,
    threads: Threads = 1,
) -> None:
    """Fit to all music but what chooses the step; the judging is `evaluate`'s.

    Writes RUN/model.pt; `python -m deploy export` makes of it what `streamer` opens.
    """
    with bad_input():
        chosen = changed(load_recipe(FitRecipe, recipe), change)
        if change and run is None:
            raise ValueError("with --change, name a --run-dir beside that of the recipe as it is")
        run = run or Path("runs") / chosen.name
        pieces = read_data_sets(chosen.music, data or DEFAULT_DATA)
        open_frames(training_work(chosen, pieces), chosen.front_end, cache)
        pretrained = load_pretrained(chosen)
        torch.set_num_threads(threads)

        def sides(number: int) -> Sides:
            parts = validation_split(pieces, seed * chosen.fits + number, chosen.datasets)
            return open_sides(parts, pieces, chosen, cache)

        with steps("Fitting", chosen.fits * chosen.steps) as progress:
            soup = fit_soup(sides, chosen, seed, pretrained=pretrained, run=run, on_step=progress)
        weights = soup.network.state_dict()
        content = {"weights": weights, "recipe": chosen.model_dump(mode="json"), "seed": seed}
        if leads():
            write_whole(content, run / "model.pt")
            typer.echo(f"wrote {run / 'model.pt'}")


@app.command()
def evaluate(
    recipe: RecipeName,
    change: Change = "",
    output: Report = None,
    data: Data = None,
    cache: Cache = DEFAULT_CACHE,
    folds: int = 5,
    seeds: int = 3,
    jobs: Annotated[int, typer.Option(help="Fits at a time, one core each.")] = 2,
) -> None:
    """Cross-validate a recipe by group beside the baselines; write a report and its numbers."""
    with bad_input():
        chosen = changed(load_recipe(FitRecipe, recipe), change)
        if change and output is None:
            raise ValueError("with --change, name an --output beside that of the recipe as it is")
        output = report(output, chosen)
        pieces = read_data_sets(chosen.music, data or DEFAULT_DATA)
        found = evaluate_recipe(chosen, pieces, cache, folds, list(range(seeds)), jobs)
        write_json(found.summary, output.with_suffix(".json"))
        write_report(found, chosen, cache, output)
    typer.echo(f"wrote {output} and {output.with_suffix('.json')}")


@app.command()
def annotate(
    folder: Annotated[Path, typer.Argument(help="Your music, also in folders below.")],
    rater: Annotated[str, typer.Option(help="Whose ratings these are.")] = "me",
    port: Annotated[int, typer.Option(help="Of 127.0.0.1.")] = 8123,
) -> None:
    """Rate your own music in the browser; `own` reads the labels.csv that comes of it.

    Begins with four exemplars, ends with a clip that is heard twice. Every rater's ratings stay in
    FOLDER/ratings.csv; labels.csv is their mean, weighed by how near raters are to each other.
    """
    with bad_input():
        session = Session(folder, rater)
        for name in session.left_out:
            typer.echo(f"left out, for its name cannot stand in a table: {name!r}", err=True)
        typer.echo(f"{len(session.steps)} things to hear: http://127.0.0.1:{port} (Ctrl-C ends)")
        uvicorn.run(make_app(session), host="127.0.0.1", port=port, log_level="warning")
        if (folder / LABELS).exists():
            typer.echo(f"labels: {folder / LABELS}")


@app.command()
def agreement(
    data: Data = None,
    rounds: Annotated[int, typer.Option(min=1, help="Random halvings of the raters.")] = 20,
    output: Annotated[
        Path, typer.Option(help="HTML to write; its numbers beside it, as JSON.")
    ] = Path("runs/agreement.html"),
) -> None:
    """Report how well VGMIDI's raters agree, and what filtering and weighing them does."""
    with bad_input():
        folder = find_data_set("vgmidi", data or DEFAULT_DATA)
        if folder is None:
            raise ValueError(
                "vgmidi is not here; `python -m training datasets` says where to get it"
            )
        output = as_report(output)
        ratings = read_vgmidi_ratings(folder)
        ways = compare_ways(ratings, rounds)
        typer.echo(rater_tables(ratings, ways))
        write_json(write_agreement(ratings, ways, output), output.with_suffix(".json"))
        typer.echo(f"wrote {output} and {output.with_suffix('.json')}")


@app.command()
def ablate(
    recipe: RecipeName = "ablation",
    output: Report = None,
    data: Data = None,
    cache: Cache = DEFAULT_CACHE,
    drift_of: Annotated[
        str, typer.Option(help="Data set whose styles are read from the embeddings.")
    ] = "musemodataset",
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help='One more arm: changes of the recipe, such as "network.layers=2 pcl=none"; '
            "may be given again."
        ),
    ] = None,
    against: Annotated[
        str, typer.Option(help="Arm, but constant-Q, that the others are compared with, by name.")
    ] = FULL,
    jobs: Annotated[int, typer.Option(help="Fits at a time, one core each.")] = 2,
) -> None:
    """Fit without each part in turn, seed s on fold s; print what each part is worth."""
    with bad_input():
        chosen = load_recipe(FitRecipe, recipe)
        recipes = arms_of(chosen, variant or [])
        output = report(output, chosen)
        if drift_of not in chosen.datasets:
            raise ValueError(f"--drift-of {drift_of} is no data set of {chosen.name}")
        if against not in recipes:
            raise ValueError(f"--against {against} is none of {', '.join(recipes)}")
        music = dict.fromkeys(name for one in recipes.values() for name in one.music)
        pieces = read_data_sets(list(music), data or DEFAULT_DATA)
        arms = run_ablation(chosen, pieces, cache, jobs, variant or [])
        found = summarise(arms, list(chosen.datasets), against)
        typer.echo(ablation_table(found, against))
        numbers = write_ablation(arms, found, pieces, drift_of, cache, output, against)
        write_json(numbers, output.with_suffix(".json"))
        typer.echo(f"wrote {output} and {output.with_suffix('.json')}")


@app.command()
def attention(
    model: Annotated[Path, typer.Argument(help="What `fit` wrote: model.pt.")],
    sounds: Annotated[list[Path], typer.Argument(help="Sound files.")],
    at: Annotated[
        float, typer.Option(min=0.0, max=1e6, help="Second of the first sound that is drawn.")
    ] = 0.0,
    output: Annotated[Path, typer.Option(help="Picture to write: png, svg or pdf.")] = Path(
        "runs/attention.png"
    ),
) -> None:
    """Draw what the two views ask of each other in a window, and say it in numbers of all."""
    with bad_input():
        network, spec = open_fitted(model)
        heard = [windows_of(decode(sound, spec.sample_rate), spec) for sound in sounds]
        views = [torch.cat(parts) for parts in zip(*heard, strict=True)]
        start = round(at * spec.sample_rate)
        try:
            shown = windows_of(decode(sounds[0], spec.sample_rate)[start:], spec)
        except ValueError as error:
            raise ValueError(f"from --at {at:g} on {error}") from None
        typer.echo(attention_table(network, (views[0], views[1]), spec))
        title = f"{sounds[0].name} at {at:g} s"
        figure = draw_attention(title, network, shown[0][:1], shown[1][:1])
        output.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(output, bbox_inches="tight")
        typer.echo(f"wrote {output}")


@app.command()
def tables(
    summary: Annotated[Path, typer.Argument(help="JSON that `evaluate` wrote.")],
) -> None:
    """Print the tables of an evaluation as Markdown."""
    with bad_input():
        typer.echo(markdown(json.loads(summary.read_text(encoding="utf-8"))))


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="JSON that `evaluate` wrote of one recipe.")],
    after: Annotated[Path, typer.Argument(help="And of another.")],
) -> None:
    """Print two evaluations side by side, with the interval of the difference, as Markdown."""
    with bad_input():
        one, other = (json.loads(path.read_text(encoding="utf-8")) for path in (before, after))
        typer.echo(compare_evaluations(one, other))


@app.command()
def datasets(data: Data = None) -> None:
    """List the data sets that can be read: what, where to get it, terms, whether it is here."""
    roots = data or DEFAULT_DATA
    table = Table("name", "folder", "content", "where to get it", "terms", "here", show_lines=True)
    for one in CATALOGUE.values():
        found = find_data_set(one.name, roots)
        table.add_row(
            one.name, one.folder, one.content, one.source, one.terms, str(found) if found else "no"
        )
    Console().print(table)
    typer.echo(f"Looked in {', '.join(map(str, roots))}; --data names other folders.")
