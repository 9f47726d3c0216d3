"""Several fits that begin alike, made one network by the mean of their weights.

Model soups (Wortsman et al., ICML 2022): as good as the mean of their estimates, at the cost of one
network. Each fit holds out other groups, so that every training piece is learnt from by most.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from damer.nn import DAMER
from training.datasets import Piece
from training.evaluation.calibration import fit_deviations
from training.evaluation.folds import Split
from training.evaluation.predict import Trajectory
from training.fitting.fit import Fit, fit
from training.fitting.pretrained import Pretrained
from training.fitting.recipe import FitRecipe
from training.sound.features import (
    Rendition,
    in_every,
    open_frames,
    pool_work,
    training_work,
)


class Sides(NamedTuple):
    """What one fit hears: with labels, to choose by, and without labels."""

    heard: list[Rendition]
    held_out: list[Rendition]
    pool: list[Rendition]


def open_sides(parts: Split, pieces: list[Piece], recipe: FitRecipe, cache: Path) -> Sides:
    """Open what a fit hears, of a split of all the pieces; its pool is of the training side."""
    names = {(piece.dataset, piece.name) for piece in parts.train}
    learnt = [
        one for one in training_work(recipe, pieces) if (one[0].dataset, one[0].name) in names
    ]
    held_out = in_every(parts.validation, recipe.renderings)
    pool = [one for one in pool_work(recipe, pieces) if (one[0].dataset, one[0].name) in names]
    opened = (open_frames(work, recipe.front_end, cache) for work in (learnt, held_out, pool))
    return Sides(*opened)


@dataclass(frozen=True, slots=True)
class Soup:
    """A network and the fits that it is the mean of.

    Attributes
    ----------
    network
        Mean weights, and deviations fitted to what each fit estimated of the music that it held
        out.
    fits
        The fits.
    """

    network: DAMER
    fits: list[Fit]


def fit_soup(
    sides: Callable[[int], Sides],
    recipe: FitRecipe,
    seed: int,
    *,
    pretrained: Pretrained | None = None,
    run: Path | None = None,
    on_step: Callable[[int], object] = lambda _: None,
) -> Soup:
    """Fit `recipe.fits` times and average.

    Parameters
    ----------
    sides
        For a number from 0: what that fit hears.
    recipe, seed, pretrained, run, on_step
        As for `fit`; several fits have folders of their own in `run`, `on_step` counts all.
    """
    fits: list[Fit] = []
    watched: list[tuple[Rendition, Trajectory]] = []
    for number in range(recipe.fits):
        heard, held_out, pool = sides(number)
        one = fit(
            heard,
            held_out,
            recipe,
            seed * recipe.fits + number,
            pretrained=pretrained,
            pool=pool,
            run=run / str(number) if run and recipe.fits > 1 else run,
            on_step=partial(_count, on_step, number * recipe.steps),
        )
        fits.append(one)
        watched += zip(held_out, one.validation, strict=True)
    network = average([one.network for one in fits])
    fit_deviations(network, watched, recipe.front_end)
    return Soup(network, fits)


def _count(on_step: Callable[[int], object], before: int, step: int) -> None:
    on_step(before + step)


@torch.no_grad()
def average(networks: list[DAMER]) -> DAMER:
    """Give the network whose weights are the mean of the others', all of one size."""
    states = [one.state_dict() for one in networks]
    mean = DAMER(networks[0].size)
    mean.load_state_dict({key: sum(one[key] for one in states) / len(states) for key in states[0]})
    return mean.eval()
