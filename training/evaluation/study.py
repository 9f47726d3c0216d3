"""A closer look at the networks of a cross-validation: densely, at joins, in venues."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.progress import track

from training.datasets import Piece
from training.evaluation.crossval import FoldResult
from training.evaluation.folds import split
from training.evaluation.predict import Trajectory, trajectory
from training.evaluation.response import arousal_steps
from training.fitting.recipe import FitRecipe
from training.sound.features import RECORDED, Work, in_every, open_frames
from training.sound.render import Rendering
from training.sound.venue import TREATMENTS

PLAIN, OTHER_FONT = "as it is", "another sound font"
_UNHEARD_FONT = "sf_GMbank.sf2"
_VENUE_SECONDS = 30.0
_PIECE_SECONDS, _CLIP_SECONDS, _VENUE_EVERY = 0.5, 0.25, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What one network does on its test pieces.

    Attributes
    ----------
    dense
        Trajectories of one rendition a piece, densely.
    joins
        Joins of calm and excited clips, with the time of each join.
    venues
        Trajectories of the first half minute of each piece, by what was done to the sound; none of
        ready views.
    """

    dense: list[Trajectory]
    joins: list[tuple[Trajectory, float]]
    venues: dict[str, list[Trajectory]]


def study(
    recipe: FitRecipe,
    pieces: list[Piece],
    results: list[FoldResult],
    cache: Path,
    folds: int,
    jobs: int,
) -> list[Study]:
    """Study each of the results, which are those of one seed."""
    own = [piece for piece in pieces if piece.dataset in recipe.datasets]
    short = [replace(piece, end=_VENUE_SECONDS) if piece.is_midi else piece for piece in own]
    open_frames(_venue_work(short, recipe), recipe.front_end, cache)  # with every core
    tasks = [(recipe, pieces, one, cache, folds) for one in results]
    with ProcessPoolExecutor(jobs) as pool:
        return list(track(pool.map(_study, tasks), description="Studying", total=len(tasks)))


def _study(task: tuple[FitRecipe, list[Piece], FoldResult, Path, int]) -> Study:
    recipe, pieces, result, cache, folds = task
    torch.set_num_threads(1)
    spec = recipe.front_end
    test = split(pieces, result.fold, folds, result.seed, recipe.datasets).test
    test = [piece for piece in test if piece.dataset in recipe.datasets]
    network = result.network(recipe)
    lag = result.test[0].lag if result.test else 0.0
    sounds = open_frames(in_every(test, recipe.renderings[:1]), spec, cache)
    dense = [
        trajectory(network, one, _PIECE_SECONDS if one.piece.is_midi else _CLIP_SECONDS, spec)
        for one in sounds
    ]
    short = [replace(piece, end=_VENUE_SECONDS) if piece.is_midi else piece for piece in test]
    venues: dict[str, list[Trajectory]] = {}
    for name, work in _by_venue(short, recipe).items():
        heard = open_frames(work, spec, cache)
        venues[name] = [trajectory(network, one, _VENUE_EVERY, spec) for one in heard]
    clips = [one for one in sounds if not one.piece.is_midi and len(one.piece.times) == 1]
    return Study(
        dense=[replace(path, lag=lag) for path in dense],
        joins=arousal_steps(network, clips, spec),
        venues=venues,
    )


def _by_venue(pieces: list[Piece], recipe: FitRecipe) -> dict[str, list[Work]]:
    """List what is played in each venue; the other sound font matters to MIDI only."""
    if not all(isinstance(piece.source, Path) for piece in pieces):
        return {}
    plain = in_every(pieces, recipe.renderings[:1])
    scores = [piece for piece in pieces if piece.is_midi]
    return {
        PLAIN: plain,
        **{
            name: [(piece, replace(how, venue=name)) for piece, how in plain] for name in TREATMENTS
        },
        OTHER_FONT: in_every(scores, [Rendering(_UNHEARD_FONT)])
        + [(piece, RECORDED) for piece in pieces if not piece.is_midi],
    }


def _venue_work(pieces: list[Piece], recipe: FitRecipe) -> list[Work]:
    return [one for work in _by_venue(pieces, recipe).values() for one in work]
