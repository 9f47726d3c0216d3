"""Model soup: average the weights of several fits that start from the same pretrained network.

Wortsman et al., "Model soups", ICML 2022: as accurate as the mean of their predictions, at the cost
of one network. Each fit holds out other groups, so that most fits train on any given piece.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from damer.nn import DAMER
from training.fitting.fit import FitResult, fit
from training.fitting.fit_deviations import fit_deviation_head
from training.fitting.pretrained import Pretrained
from training.fitting.recipe import FitRecipe
from training.fitting.selection import FitData
from training.predict import Trajectory
from training.sound.renditions import Rendition


@dataclass(frozen=True, slots=True)
class Soup:
    """Averaged network of several fits.

    Attributes
    ----------
    network
        Mean weights, with the deviation head fitted to each fit's validation predictions.
    fits
        The fits.
    """

    network: DAMER
    fits: list[FitResult]


def fit_soup(
    load_data: Callable[[int], FitData],
    recipe: FitRecipe,
    seed: int,
    *,
    pretrained: Pretrained | None = None,
    run: Path | None = None,
    on_step: Callable[[int], object] = lambda _: None,
) -> Soup:
    """Fit `recipe.fits` times, average the weights, and fit the deviation head.

    Parameters
    ----------
    load_data
        Loads the data of fit 0, 1, and so on.
    recipe, seed, pretrained, run, on_step
        As for `fit`. Several fits have numbered folders in `run`; `on_step` counts over all fits.
    """
    fits: list[FitResult] = []
    held_out: list[tuple[Rendition, Trajectory]] = []
    for number in range(recipe.fits):
        data = load_data(number)
        one = fit(
            data.training,
            data.validation,
            recipe,
            seed * recipe.fits + number,
            pretrained=pretrained,
            pool=data.pool,
            run=run / str(number) if run and recipe.fits > 1 else run,
            on_step=partial(_report_total, on_step, number * recipe.steps),
        )
        fits.append(one)
        held_out += zip(data.validation, one.validation, strict=True)
    network = average_weights([one.network for one in fits])
    fit_deviation_head(network, held_out, recipe.front_end)
    return Soup(network, fits)


def _report_total(on_step: Callable[[int], object], before: int, step: int) -> None:
    on_step(before + step)


@torch.no_grad()
def average_weights(networks: list[DAMER]) -> DAMER:
    """Build the network with the mean weights of networks of one size."""
    states = [one.state_dict() for one in networks]
    mean = DAMER(networks[0].size)
    mean.load_state_dict({key: sum(one[key] for one in states) / len(states) for key in states[0]})
    return mean.eval()
