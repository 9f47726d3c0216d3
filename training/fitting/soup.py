"""Several fits that begin alike, made one network by the mean of their weights.

Model soups (Wortsman et al., ICML 2022): as good as the mean of their estimates, at the cost of one
network. Each fit holds out other groups, so that every training piece is learnt from by most.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from damer.nn import DAMER
from training.datasets import Piece
from training.fitting.fit import Fit, fit
from training.fitting.pretrained import Pretrained
from training.fitting.recipe import FitRecipe
from training.judging.calibration import fit_deviations
from training.judging.folds import Split
from training.judging.predict import Trajectory
from training.sound.features import Rendition, in_every, open_frames, training_work

Sides = tuple[list[Rendition], list[Rendition]]


def open_sides(parts: Split, pieces: list[Piece], recipe: FitRecipe, cache: Path) -> Sides:
    """Open what a fit hears and what it holds out, of a split of all the pieces."""
    names = {(piece.dataset, piece.name) for piece in parts.train}
    learnt = [
        one for one in training_work(recipe, pieces) if (one[0].dataset, one[0].name) in names
    ]
    held_out = in_every(parts.validation, recipe.renderings)
    return (
        open_frames(learnt, recipe.front_end, cache),
        open_frames(held_out, recipe.front_end, cache),
    )


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
        For a number from 0: what that fit hears and what it holds out.
    recipe, seed, pretrained, run, on_step
        As for `fit`; several fits have folders of their own in `run`, `on_step` counts all.
    """
    fits: list[Fit] = []
    watched: list[tuple[Rendition, Trajectory]] = []
    for number in range(recipe.fits):
        heard, held_out = sides(number)
        one = fit(
            heard,
            held_out,
            recipe,
            seed * recipe.fits + number,
            pretrained=pretrained,
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
