"""Fit a network to valence/arousal labels, choosing the step by a validation split."""

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
from training.fitting.augment import Augment
from training.fitting.distributed import RankSlice, all_gather
from training.fitting.label_loss import label_loss
from training.fitting.learner import Learner, Predictions, Targets, UnlabelledViews, Views
from training.fitting.loop import train
from training.fitting.pretrained import Pretrained, init_heads_by_ridge
from training.fitting.recipe import FitRecipe
from training.fitting.sampling import (
    LabelledSampler,
    UnlabelledSampler,
    draw_uniforms,
    initial_uniforms,
)
from training.predict import Trajectory, predict_trajectory, scores
from training.sound.renditions import Rendition

VALIDATION_SECONDS = 4.0
_MIN_VALIDATION_PIECES = 5  # of each data set: the CCC of fewer is chance
_STATISTICS_BATCHES = 8


@dataclass(frozen=True, slots=True)
class FitResult:
    """A fitted network.

    Attributes
    ----------
    network
        Averaged weights of the chosen step; its deviation head is not fitted yet.
    step
        The chosen step.
    history
        Step and score of each validation: the mean piece-level CCC over axes and data sets.
    diagnostics
        Pseudo-label diagnostics at each validation.
    validation
        Predictions for the validation renditions.
    """

    network: DAMER
    step: int
    history: list[tuple[int, float]]
    diagnostics: list[dict[str, float]]
    validation: list[Trajectory]


def fit(
    training: list[Rendition],
    validation: list[Rendition],
    recipe: FitRecipe,
    seed: int,
    *,
    pretrained: Pretrained | None = None,
    pool: list[Rendition] | None = None,
    run: Path | None = None,
    on_step: Callable[[int], object] = lambda _: None,
) -> FitResult:
    """Fit once. With too few validation pieces, the last step is chosen.

    Parameters
    ----------
    training, validation
        Labelled renditions to train on, and to choose the step by.
    recipe, seed
        Hyperparameters and the seed of all randomness.
    pretrained
        Student to start from. Default: from scratch.
    pool
        Unlabelled renditions; required if the recipe has PCL.
    run, on_step
        As for `training.fitting.loop.train`.
    """
    torch.manual_seed(seed)
    network = DAMER(recipe.network)
    sampler = LabelledSampler(training, recipe)
    if pretrained:
        network.load_state_dict(pretrained.network_weights(), strict=False)
        init_heads_by_ridge(network, sampler, recipe)
    else:
        network.fit_standardisation(*_first_batches(sampler, recipe, seed))
    unlabelled = UnlabelledSampler(pool or [], recipe.front_end) if recipe.pcl else None
    task = _LabelTask(sampler, unlabelled, validation, recipe, seed)
    learner = Learner(network, recipe, sampler.styles)
    result = train(learner, task, recipe, seed, run=run, on_step=on_step)
    learner.load_state_dict(result.weights)
    network = learner.network.eval()
    predictions = [_predict(network, one, recipe) for one in validation]
    return FitResult(network, result.step, result.history, result.diagnostics, predictions)


class _Batch(NamedTuple):
    """Views of a rank slice, targets of the whole batch, and the batch rows of each data set."""

    views: Views
    pool: UnlabelledViews | None
    targets: Targets
    rows: dict[str, slice]


class _LabelTask:
    """Task of fitting to labels, with unlabelled windows if the recipe has PCL."""

    def __init__(
        self,
        sampler: LabelledSampler,
        pool: UnlabelledSampler | None,
        validation: list[Rendition],
        recipe: FitRecipe,
        seed: int,
    ) -> None:
        self._sampler, self._pool, self._validation = sampler, pool, validation
        self._recipe, self._seed = recipe, seed
        self._augment = Augment(recipe)

    def batch(self, step: int, rank_slice: RankSlice) -> _Batch:
        count = self._recipe.batch
        pool_count = self._recipe.pcl.batch if self._recipe.pcl else 0
        uniforms = draw_uniforms(self._seed, step, count + pool_count)
        labelled, unlabelled = np.split(uniforms, [count])
        mel, cochleagram, label, rows, track, style = self._sampler.batch(labelled, rank_slice)
        views = self._augment(mel, cochleagram, rank_slice.select(labelled))
        pool = None
        if self._pool:
            plain = self._pool.batch(unlabelled, rank_slice)
            augmented = self._augment(*plain, rank_slice.select(unlabelled))
            pool = UnlabelledViews(plain, augmented)
        return _Batch(views, pool, Targets(label, track, style), rows)

    def loss(self, model: nn.Module, batch: _Batch, fabric: Fabric, step: int) -> Tensor:
        views, pool, targets = fabric.to_device((batch.views, batch.pool, batch.targets))
        labelled, unlabelled = model(views, pool)
        predictions = Predictions(all_gather(fabric, labelled), all_gather(fabric, unlabelled))
        learner = cast("Learner", model.module)
        progress = step / self._recipe.steps
        auxiliary = learner.loss(predictions, targets, progress)
        heads = predictions.labelled[:3]
        labelled = label_loss(heads, targets.label, batch.rows, self._recipe, progress)
        return labelled + auxiliary

    def score(self, network: nn.Module) -> float | None:
        pieces = {(one.piece.dataset, one.piece.name) for one in self._validation}
        counts = Counter(dataset for dataset, _ in pieces)
        if min(counts[dataset] for dataset in self._recipe.datasets) < _MIN_VALIDATION_PIECES:
            return None
        return validate(cast("Learner", network).network, self._validation, self._recipe)

    def diagnostics(self, network: nn.Module) -> dict[str, float]:
        diagnostics = cast("Learner", network).diagnostics
        return diagnostics._asdict() if diagnostics else {}


def validate(network: DAMER, validation: list[Rendition], recipe: FitRecipe) -> float:
    """Mean piece-level CCC over both axes and all data sets."""
    values = []
    for dataset in recipe.datasets:
        own = [one for one in validation if one.piece.dataset == dataset]
        table = scores([_predict(network, one, recipe) for one in own])
        values += [axis["ccc"] for axis in table.values()]
    return float(np.mean(values))


def _predict(network: DAMER, rendition: Rendition, recipe: FitRecipe) -> Trajectory:
    interval = VALIDATION_SECONDS if rendition.piece.is_midi else 1.0
    return predict_trajectory(network, rendition, interval, recipe.front_end)


def _first_batches(sampler: LabelledSampler, recipe: FitRecipe, seed: int) -> tuple[Tensor, Tensor]:
    """Augmented windows by which the network standardises its inputs."""
    augment = Augment(recipe)
    views = []
    for uniforms in initial_uniforms(seed, _STATISTICS_BATCHES, recipe.batch):
        batch = sampler.batch(uniforms)
        views.append(augment(batch.mel, batch.cochleagram, uniforms))
    mels, cochleagrams = zip(*views, strict=True)
    return torch.cat(mels), torch.cat(cochleagrams)
