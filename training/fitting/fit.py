"""Fit the network to labels, watched on a validation split."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from damer.nn import DAMER
from training.fitting.augment import Augment
from training.fitting.learner import Known, Learner, Pool, Views
from training.fitting.loop import train
from training.fitting.objective import objective
from training.fitting.pretrained import Pretrained
from training.fitting.probe import begin_heads
from training.fitting.recipe import FitRecipe
from training.fitting.sampling import LabelledBatch, LabelledSampler, PoolSampler, generator
from training.judging.predict import Trajectory, scores, trajectory
from training.sound.features import Rendition

VALIDATION_SECONDS = 4.0
_LEAST_TO_CHOOSE_BY = 5  # pieces of each data set: a CCC of fewer is chance
_STATISTICS_BATCHES = 8


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted network.

    Attributes
    ----------
    network
        The averaged weights of the chosen step; its deviations are not yet fitted.
    step
        The chosen step.
    history
        Validation score, the mean piece-level CCC over axes and data sets, at each look.
    notes
        How the pseudo labels went, at each look.
    validation
        What it estimates for the validation pieces.
    """

    network: DAMER
    step: int
    history: list[tuple[int, float]]
    notes: list[dict[str, float]]
    validation: list[Trajectory]


def fit(
    heard: list[Rendition],
    validation: list[Rendition],
    recipe: FitRecipe,
    seed: int,
    *,
    pretrained: Pretrained | None = None,
    pool: list[Rendition] | None = None,
    run: Path | None = None,
    on_step: Callable[[int], object] = lambda _: None,
) -> Fit:
    """Fit once. Where validation has too few pieces, the last step is chosen.

    Parameters
    ----------
    heard, validation
        Labelled music to fit to, and to choose the step by.
    recipe, seed
        How.
    pretrained
        What the network begins with; from scratch without.
    pool
        Music without labels, where the recipe has PCL.
    run, on_step
        As for `train`.
    """
    torch.manual_seed(seed)
    network = DAMER(recipe.network)
    sampler = LabelledSampler(heard, recipe)
    if pretrained:
        network.load_state_dict(pretrained.encoders(), strict=False)
        begin_heads(network, sampler, recipe)
    else:
        network.standardise(*_statistics(sampler, recipe, seed))
    unlabelled = PoolSampler(pool or [], recipe.front_end) if recipe.pcl else None
    task = _Labels(sampler, unlabelled, validation, recipe, seed)
    learner = Learner(network, recipe, sampler.styles)
    trained = train(learner, task, recipe, seed, run=run, on_step=on_step)
    learner.load_state_dict(trained.weights)
    network = learner.network.eval()
    looks = [_look(network, one, recipe) for one in validation]
    return Fit(network, trained.step, trained.history, trained.notes, looks)


class _Labels:
    """Labels of the training pieces and, where the recipe says so, music without labels."""

    def __init__(
        self,
        sampler: LabelledSampler,
        pool: PoolSampler | None,
        validation: list[Rendition],
        recipe: FitRecipe,
        seed: int,
    ) -> None:
        self._sampler, self._pool, self._validation = sampler, pool, validation
        self._recipe, self._seed = recipe, seed
        self._augment = Augment(recipe)

    def batch(self, count: int, step: int, rank: int) -> tuple[LabelledBatch, Views | None]:
        random = generator(self._seed, step, rank)
        labelled = self._sampler.batch(count, random)
        if self._pool is None or self._recipe.pcl is None:
            return labelled, None
        return labelled, self._pool.batch(self._recipe.pcl.batch, random)

    def loss(
        self,
        model: nn.Module,
        batch: tuple[LabelledBatch, Views | None],
        fabric: Fabric,
        step: int,
    ) -> Tensor:
        labelled, plain = batch
        random = generator(self._seed + 1, step, fabric.global_rank)
        views = self._augment(labelled.mel, labelled.cochleagram, random)
        pool = Pool(plain, self._augment(*plain, random)) if plain else None
        known = Known(labelled.label, labelled.track, labelled.style)
        views, known, pool = fabric.to_device((views, known, pool))
        output, extra = model(views, known, pool, step / self._recipe.steps)
        loss: Tensor = objective(output, known.label, labelled.rows, self._recipe) + extra
        return loss

    def score(self, network: nn.Module) -> float | None:
        pieces = {(one.piece.dataset, one.piece.name) for one in self._validation}
        counts = Counter(dataset for dataset, _ in pieces)
        if min(counts[dataset] for dataset in self._recipe.datasets) < _LEAST_TO_CHOOSE_BY:
            return None
        return validate(cast("Learner", network).network, self._validation, self._recipe)

    def notes(self, network: nn.Module) -> dict[str, float]:
        diagnostics = cast("Learner", network).diagnostics
        return diagnostics._asdict() if diagnostics else {}


def validate(network: DAMER, validation: list[Rendition], recipe: FitRecipe) -> float:
    """Mean piece-level CCC over both axes and all data sets."""
    values = []
    for dataset in recipe.datasets:
        paths = [_look(network, one, recipe) for one in validation if one.piece.dataset == dataset]
        values += [axis["ccc"] for axis in scores(paths).values()]
    return float(np.mean(values))


def _look(network: DAMER, rendition: Rendition, recipe: FitRecipe) -> Trajectory:
    every = VALIDATION_SECONDS if rendition.piece.is_midi else 1.0
    return trajectory(network, rendition, every, recipe.front_end)


def _statistics(sampler: LabelledSampler, recipe: FitRecipe, seed: int) -> tuple[Tensor, Tensor]:
    augment = Augment(recipe)
    views = []
    for k in range(_STATISTICS_BATCHES):
        random = generator(seed, 0, k)
        batch = sampler.batch(recipe.batch, random)
        views.append(augment(batch.mel, batch.cochleagram, random))
    mels, cochleagrams = zip(*views, strict=True)
    return torch.cat(mels), torch.cat(cochleagrams)
