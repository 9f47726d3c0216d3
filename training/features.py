"""The command that computes what is heard, in parts and packed for other machines."""

from pathlib import Path
from typing import Annotated

import typer

from training.datasets import Piece, read_data_sets
from training.fitting.recipe import DistillRecipe, FitRecipe, load_any_recipe
from training.options import DEFAULT_CACHE, DEFAULT_DATA, Cache, Data, RecipeName, bad_input
from training.sound.features import (
    Work,
    in_turn,
    judged_work,
    open_embeddings,
    open_frames,
    pack_frames,
    part_of,
    pool_work,
    training_work,
)


def features(
    recipe: RecipeName,
    part: Annotated[
        str, typer.Option(help="Which part of how many, for one machine of several: 2/4.")
    ] = "1/1",
    pack: Annotated[
        Path | None,
        typer.Option(help="Cache folder to fill with the frames in few large files, to travel."),
    ] = None,
    data: Data = None,
    cache: Cache = DEFAULT_CACHE,
) -> None:
    """Compute what `fit`, `distill` and `evaluate` hear, all of it or a part; pack it to travel.

    Every command takes a packed folder as its --cache, or several copied into one.
    """
    with bad_input():
        number, parts = _part(part)
        chosen = load_any_recipe(recipe)
        if chosen.origin == "external":
            raise ValueError(f"{recipe} hears ready views, of which nothing is computed")
        names = chosen.music if isinstance(chosen, FitRecipe) else chosen.pool
        work = _heard(chosen, read_data_sets(names, data or DEFAULT_DATA))
        own = part_of(work, number, parts)
        heard = open_frames(own, chosen.front_end, cache)
        hours = sum(one.seconds(chosen.front_end) for one in heard) / 3600
        typer.echo(f"part {part}: {len(own)} renditions, {hours:.2f} h, in {cache}")
        if isinstance(chosen, DistillRecipe):
            open_embeddings(own, cache)
        if pack:
            shards = pack_frames(heard, chosen.front_end, pack)
            typer.echo(f"packed into {len(shards)} new shards in {pack}")


def _heard(recipe: FitRecipe | DistillRecipe, pieces: list[Piece]) -> list[Work]:
    """List all that is fitted to, judged, or heard without labels."""
    if isinstance(recipe, DistillRecipe):
        return in_turn(pieces, recipe.renderings)
    ways = (training_work, judged_work, pool_work)
    return [one for way in ways for one in way(recipe, pieces)]


def _part(text: str) -> tuple[int, int]:
    number, _, parts = text.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise ValueError(f"--part {text} is no part; the second of four is 2/4")
    return int(number), int(parts)
