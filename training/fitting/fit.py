"""Fit the network to labels, watched on a validation split."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from damer.nn import DAMER
from training.evaluation.predict import Trajectory, scores, trajectory
from training.fitting.augment import Augment
from training.fitting.learner import Heard, Known, Learner, Pool, Views
from training.fitting.loop import train
from training.fitting.objective import objective
from training.fitting.pretrained import Pretrained
from training.fitting.probe import begin_heads
from training.fitting.recipe import FitRecipe
from training.fitting.sampling import LabelledSampler, PoolSampler, draw, first_batches
from training.fitting.shares import Share, whole
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
        network.fit_standardisation(*_statistics(sampler, recipe, seed))
    unlabelled = PoolSampler(pool or [], recipe.front_end) if recipe.pcl else None
    task = _Labels(sampler, unlabelled, validation, recipe, seed)
    learner = Learner(network, recipe, sampler.styles)
    trained = train(learner, task, recipe, seed, run=run, on_step=on_step)
    learner.load_state_dict(trained.weights)
    network = learner.network.eval()
    looks = [_look(network, one, recipe) for one in validation]
    return Fit(network, trained.step, trained.history, trained.notes, looks)


class _Batch(NamedTuple):
    """What is heard of a share, what is known of the whole batch, and the rows of its data sets."""

    views: Views
    pool: Pool | None
    known: Known
    rows: dict[str, slice]


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

    def batch(self, step: int, share: Share) -> _Batch:
        count = self._recipe.batch
        more = self._recipe.pcl.batch if self._recipe.pcl else 0
        labelled, unlabelled = np.split(draw(self._seed, step, count + more), [count])
        mel, cochleagram, label, rows, track, style = self._sampler.batch(labelled, share)
        views = self._augment(mel, cochleagram, share.of(labelled))
        pool = None
        if self._pool:
            plain = self._pool.batch(unlabelled, share)
            pool = Pool(plain, self._augment(*plain, share.of(unlabelled)))
        return _Batch(views, pool, Known(label, track, style), rows)

    def loss(self, model: nn.Module, batch: _Batch, fabric: Fabric, step: int) -> Tensor:
        views, pool, known = fabric.to_device((batch.views, batch.pool, batch.known))
        labelled, unlabelled = model(views, pool)
        heard = Heard(whole(fabric, labelled), whole(fabric, unlabelled))
        extra = cast("Learner", model.module).loss(heard, known, step / self._recipe.steps)
        return objective(heard.labelled[:3], known.label, batch.rows, self._recipe) + extra

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
    for chances in first_batches(seed, _STATISTICS_BATCHES, recipe.batch):
        batch = sampler.batch(chances)
        views.append(augment(batch.mel, batch.cochleagram, chances))
    mels, cochleagrams = zip(*views, strict=True)
    return torch.cat(mels), torch.cat(cochleagrams)
