"""Fit the network to labels, watched on a validation split."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from damer.nn import DAMER, NetworkSize
from training.fitting.augment import Augment
from training.fitting.distill import Student, embedding_errors
from training.fitting.loop import read_checkpoint, train
from training.fitting.objective import objective
from training.fitting.recipe import FitRecipe
from training.fitting.sampling import (
    EmbeddedBatch,
    EmbeddedSampler,
    LabelledBatch,
    LabelledSampler,
    generator,
)
from training.judging.calibration import calibrate_deviations
from training.judging.predict import Trajectory, scores, trajectory
from training.sound.features import Rehearsal, Rendition

VALIDATION_SECONDS = 4.0
PRETRAINED = Path(__file__).parents[1] / "pretrained"
_STATISTICS_BATCHES = 8


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A student of MusiCNN.

    Attributes
    ----------
    weights
        Of `Student`.
    network
        Size of its network.
    mean, std
        By which the teacher's embeddings were standardised, (200,).
    """

    weights: dict[str, Tensor]
    network: NetworkSize
    mean: NDArray[np.float32]
    std: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted network.

    Attributes
    ----------
    network
        The averaged weights of the chosen step, its deviations calibrated on validation.
    step
        The chosen step.
    history
        Validation score, the mean piece-level CCC over axes and data sets, at each look.
    """

    network: DAMER
    step: int
    history: list[tuple[int, float]]


def load_pretrained(recipe: FitRecipe) -> Pretrained | None:
    """Load the student that a recipe begins with.

    Raises
    ------
    ValueError
        It is missing or damaged, or its network has another size.
    """
    if recipe.pretrained is None:
        return None
    path = PRETRAINED / f"{recipe.pretrained}.pt"
    content = read_checkpoint(path)
    size = NetworkSize(**content["recipe"]["network"])
    for key in ("mel_bands", "gammatone_channels", "token_frames", "width", "heads", "layers"):
        ours, theirs = getattr(recipe.network, key), getattr(size, key)
        if ours != theirs:
            raise ValueError(f"{recipe.name}: network.{key} is {ours}, but {theirs} in {path.name}")
    weights = {name: value.float() for name, value in content["weights"].items()}
    return Pretrained(weights, size, content["mean"].numpy(), content["std"].numpy())


def fit(
    heard: list[Rendition],
    validation: list[Rendition],
    recipe: FitRecipe,
    seed: int,
    *,
    pretrained: Pretrained | None = None,
    rehearsal: Rehearsal | None = None,
    run: Path | None = None,
    on_step: Callable[[int], object] = lambda _: None,
) -> Fit:
    """Fit once. Without a validation split the last step is chosen, deviations stay uncalibrated.

    Parameters
    ----------
    heard, validation
        Labelled music to fit to, and to choose the step by.
    recipe, seed
        How.
    pretrained
        What the network begins with; from scratch without.
    rehearsal
        Training music of which the teacher's embedding is still asked for.
    run, on_step
        As for `train`.
    """
    torch.manual_seed(seed)
    student = Student(DAMER(recipe.network))
    sampler = LabelledSampler(heard, recipe)
    if pretrained:
        learnt = {key: value for key, value in pretrained.weights.items() if "_head." not in key}
        student.load_state_dict(learnt, strict=False)
    else:
        student.network.standardise(*_statistics(sampler, recipe, seed))
    asked = None
    if pretrained and rehearsal:
        asked = EmbeddedSampler(
            rehearsal.heard,
            rehearsal.embeddings,
            recipe.front_end,
            (pretrained.mean, pretrained.std),
        )
    task = _Labels(sampler, validation, asked, recipe, seed)
    trained = train(student, task, recipe, seed, run=run, on_step=on_step)
    student.load_state_dict(trained.weights)
    network = student.network.eval()
    if validation:
        calibrate_deviations(network, [_look(network, one, recipe) for one in validation])
    return Fit(network, trained.step, trained.history)


class _Labels:
    """Labels of the training pieces and, as rehearsal, the teacher's embeddings of the same."""

    def __init__(
        self,
        sampler: LabelledSampler,
        validation: list[Rendition],
        rehearsal: EmbeddedSampler | None,
        recipe: FitRecipe,
        seed: int,
    ) -> None:
        self._sampler, self._validation, self._rehearsal = sampler, validation, rehearsal
        self._recipe, self._seed = recipe, seed
        self._augment = Augment(recipe)

    def batch(self, count: int, step: int, rank: int) -> tuple[LabelledBatch, EmbeddedBatch | None]:
        random = generator(self._seed, step, rank)
        labelled = self._sampler.batch(count, random)
        if self._rehearsal is None:
            return labelled, None
        return labelled, self._rehearsal.batch(self._recipe.rehearsal, random)

    def loss(
        self,
        model: nn.Module,
        batch: tuple[LabelledBatch, EmbeddedBatch | None],
        fabric: Fabric,
        step: int,
    ) -> Tensor:
        labelled, embedded = batch
        random = generator(self._seed + 1, step, fabric.global_rank)
        mel, cochleagram = labelled.mel, labelled.cochleagram
        if embedded:
            mel = torch.cat([mel, embedded.mel])
            cochleagram = torch.cat([cochleagram, embedded.cochleagram])
        views = fabric.to_device(self._augment(mel, cochleagram, random))
        output, answers = model(*views)
        count = len(labelled.label)
        label = fabric.to_device(labelled.label)
        loss = objective(output, label, labelled.rows, self._recipe)
        if embedded:
            errors = embedding_errors(answers[:, count:], fabric.to_device(embedded.embedding))
            loss = loss + self._recipe.rehearsal_loss * errors.mean()
        return loss

    def score(self, network: nn.Module) -> float | None:
        if not self._validation:
            return None
        return validate(cast("Student", network).network, self._validation, self._recipe)


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
