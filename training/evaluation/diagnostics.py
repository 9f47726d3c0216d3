"""Diagnostics of cross-validated networks: dense trajectories, arousal steps, simulated venues."""

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from training.datasets import Piece
from training.evaluation.cross_validation import LONGEST_CLIP_SECONDS, FoldResult
from training.evaluation.smoothing import predict_arousal_steps
from training.fitting.recipe import FitRecipe
from training.predict import Trajectory, predict_trajectory
from training.sound.feature_cache import load_renditions
from training.sound.render import Rendering
from training.sound.renditions import RECORDED, PieceRendering, all_renderings
from training.sound.venue import VENUES
from training.splits import split

PLAIN, OTHER_FONT = "as it is", "another sound font"
_OTHER_FONT_FILE = "sf_GMbank.sf2"  # no recipe trains with it
_VENUE_SECONDS, _VENUE_PIECES = 15.0, 150  # of each data set
_PIECE_INTERVAL, _CLIP_INTERVAL, _VENUE_INTERVAL = 0.5, 0.25, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldDiagnostics:
    """Diagnostics of one network on its test pieces.

    Attributes
    ----------
    dense
        Trajectories of one rendition a piece, at short intervals.
    arousal_steps
        Trajectories over calm, then excited clips, with the time of the step in seconds.
    venues
        Trajectories of the first 15 s of up to 150 pieces of each data set in all folds together,
        by simulated venue; none of precomputed views.
    """

    dense: list[Trajectory]
    arousal_steps: list[tuple[Trajectory, float]]
    venues: dict[str, list[Trajectory]]


def run_diagnostics(
    recipe: FitRecipe,
    pieces: list[Piece],
    results: list[FoldResult],
    cache: Path,
    folds: int,
    jobs: int,
) -> list[FoldDiagnostics]:
    """Run the diagnostics of each result, which are those of one seed."""
    venues = _by_venue(_select_for_venues(pieces, recipe), recipe)
    # Computed here, on all cores, before one process a fold reads them.
    load_renditions([one for part in venues.values() for one in part], recipe.front_end, cache)
    tasks = [(recipe, pieces, one, cache, folds) for one in results]
    with ProcessPoolExecutor(jobs) as pool:
        return list(track(pool.map(_diagnose, tasks), description="Diagnostics", total=len(tasks)))


def _diagnose(task: tuple[FitRecipe, list[Piece], FoldResult, Path, int]) -> FoldDiagnostics:
    recipe, pieces, result, cache, folds = task
    torch.set_num_threads(1)
    spec = recipe.front_end
    test = split(pieces, result.fold, folds, result.seed, recipe.datasets).test
    test = [piece for piece in test if piece.dataset in recipe.datasets]
    names = {(piece.dataset, piece.name) for piece in test}
    in_venues = [
        piece
        for piece in _select_for_venues(pieces, recipe)
        if (piece.dataset, piece.name) in names
    ]
    network = result.network(recipe)
    lag = result.test[0].lag if result.test else 0.0
    renditions = load_renditions(all_renderings(test, recipe.renderings[:1]), spec, cache)
    clips = [one for one in renditions if one.seconds(spec) <= LONGEST_CLIP_SECONDS]
    dense = [
        predict_trajectory(network, one, _CLIP_INTERVAL if one in clips else _PIECE_INTERVAL, spec)
        for one in renditions
    ]
    venues = {
        name: [
            predict_trajectory(network, one, _VENUE_INTERVAL, spec)
            for one in load_renditions(part, spec, cache)
        ]
        for name, part in _by_venue(in_venues, recipe).items()
    }
    rated_once = [one for one in clips if len(one.piece.times) == 1]
    return FoldDiagnostics(
        dense=[replace(one, lag=lag) for one in dense],
        arousal_steps=predict_arousal_steps(network, rated_once, spec),
        venues=venues,
    )


def _select_for_venues(pieces: list[Piece], recipe: FitRecipe) -> list[Piece]:
    """Select the beginnings of evenly spaced pieces of each data set."""
    selected = []
    for dataset in recipe.datasets:
        own = [piece for piece in pieces if piece.dataset == dataset]
        for k in np.linspace(0, len(own) - 1, min(_VENUE_PIECES, len(own))):
            piece = own[round(k)]
            end = min(piece.end or math.inf, piece.start + _VENUE_SECONDS)
            selected.append(replace(piece, end=end))
    return selected


def _by_venue(pieces: list[Piece], recipe: FitRecipe) -> dict[str, list[PieceRendering]]:
    """Renditions in each venue; the other sound font changes MIDI only."""
    if not all(isinstance(piece.source, Path) for piece in pieces):
        return {}
    plain = all_renderings(pieces, recipe.renderings[:1])
    midi = [piece for piece in pieces if piece.is_midi]
    return {
        PLAIN: plain,
        **{
            name: [(piece, replace(rendering, venue=name)) for piece, rendering in plain]
            for name in VENUES
        },
        OTHER_FONT: all_renderings(midi, [Rendering(_OTHER_FONT_FILE)])
        + [(piece, RECORDED) for piece in pieces if not piece.is_midi],
    }
