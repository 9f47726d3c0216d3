"""Distillation: train a network to predict teachers' outputs on unlabelled music.

Targets are MusiCNN's embedding, then the outputs of further teachers if the recipe has them.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from damer.nn import DAMER, NetworkOutput
from training.fitting.augment import Augment
from training.fitting.distributed import RankSlice, all_gather
from training.fitting.learner import Views
from training.fitting.loop import TrainingResult, train
from training.fitting.pretrained import Pretrained
from training.fitting.recipe import DistillRecipe
from training.fitting.sampling import DistillationSampler, draw_uniforms, initial_uniforms
from training.fitting.targets import TargetGroup, target_groups
from training.sound.teacher import EMBEDDING_SIZE

_STATISTICS_BATCHES = 8
_VALIDATION_WINDOWS = 512  # of each data set
_VALIDATION_BATCH = 64


class Student(nn.Module):
    """A network with three linear heads that predict the standardised outputs of teachers."""

    def __init__(self, network: DAMER, targets: int = EMBEDDING_SIZE) -> None:
        super().__init__()
        self.network = network
        for head in (network.fused_head, network.mel_head, network.cochleagram_head):
            head.requires_grad_(False)  # trained later, on labels
        width = network.size.width
        self.heads = nn.ModuleList(nn.Linear(width, targets) for _ in range(3))

    def forward(self, mel: Tensor, cochleagram: Tensor) -> tuple[NetworkOutput, Tensor]:
        """Return the network's output and the predictions of fused, Mel and cochleagram head.

        Mel is (B, mel_bands, T), cochleagram (B, gammatone_channels, T), predictions
        (3, B, targets).
        """
        output = self.network(mel, cochleagram)
        inputs = (output.embedding, output.mel_embedding, output.cochleagram_embedding)
        predictions = [head(one) for head, one in zip(self.heads, inputs, strict=True)]
        return output, torch.stack(predictions)


class Distillation:
    """Task of distillation: mean squared error to the teachers' standardised outputs."""

    def __init__(
        self,
        training: DistillationSampler,
        validation: DistillationSampler | None,
        recipe: DistillRecipe,
        seed: int,
    ) -> None:
        self._training, self._validation = training, validation
        self._recipe, self._seed = recipe, seed
        self._augment = Augment(recipe)
        self._groups = target_groups(recipe)
        self._explained: dict[str, float] = {}

    def batch(self, step: int, rank_slice: RankSlice) -> tuple[Views, Tensor]:
        """Draw augmented windows of a rank slice, and the targets of the whole batch."""
        uniforms = draw_uniforms(self._seed, step, self._recipe.batch)
        mel, cochleagram, target = self._training.batch(uniforms, rank_slice)
        return self._augment(mel, cochleagram, rank_slice.select(uniforms)), target

    def loss(
        self,
        model: nn.Module,
        batch: tuple[Views, Tensor],
        fabric: Fabric,
        step: int,  # noqa: ARG002 - of a task
    ) -> Tensor:
        """Error of the fused head plus the weighted errors of the view heads."""
        views, target = fabric.to_device(batch)
        _, predictions = model(*views)
        predictions = torch.stack(all_gather(fabric, tuple(predictions)))
        errors = target_errors(predictions, target, self._groups)
        return errors[0] + self._recipe.view_loss * (errors[1] + errors[2])

    def score(self, network: nn.Module) -> float | None:
        """Mean share of the embedding's variance explained on held-out music, over the pool."""
        if self._validation is None or not len(self._validation):
            return None
        datasets = self._validation.datasets
        explained = {}
        for dataset in dict.fromkeys(datasets):
            own = np.flatnonzero(datasets == dataset)
            chosen = np.linspace(0, len(own) - 1, min(_VALIDATION_WINDOWS, len(own)))
            predicted, target = _predict(network, self._validation, own[chosen.astype(np.int64)])
            explained[dataset] = explained_variance(predicted, target)
        self._explained = {f"explained_{name}": value for name, value in explained.items()}
        choosing = [explained[name] for name in self._recipe.pool if name in explained]
        return float(np.mean(choosing)) if choosing else None

    def diagnostics(self, network: nn.Module) -> dict[str, float]:  # noqa: ARG002 - of a task
        """Share of the embedding's variance explained in each data set at the last validation."""
        return self._explained


@torch.inference_mode()
def _predict(
    network: nn.Module, validation: DistillationSampler, windows: NDArray[np.int64]
) -> tuple[Tensor, Tensor]:
    """Predicted and true embeddings of validation windows, (n, 200) each."""
    device = next(network.parameters()).device
    predicted, targets = [], []
    for start in range(0, len(windows), _VALIDATION_BATCH):
        batch = validation.select(windows[start : start + _VALIDATION_BATCH])
        _, predictions = network(batch.mel.to(device), batch.cochleagram.to(device))
        predicted.append(predictions[0, :, :EMBEDDING_SIZE].cpu())
        targets.append(batch.target[:, :EMBEDDING_SIZE])
    return torch.cat(predicted), torch.cat(targets)


def target_errors(predictions: Tensor, target: Tensor, groups: tuple[TargetGroup, ...]) -> Tensor:
    """Mean squared error of each head, (3,), of predictions (3, B, targets).

    The targets of a teacher weigh what the recipe says, together.
    """
    squared = (predictions - target).square().mean(dim=1)  # (3, targets)
    parts = torch.split(squared, [group.size for group in groups], dim=1)
    errors = [group.weight * part.mean(dim=1) for group, part in zip(groups, parts, strict=True)]
    return torch.stack(errors).sum(dim=0)


def explained_variance(predicted: Tensor, target: Tensor) -> float:
    """Share of the variance of targets (n, d) about their mean that is explained."""
    residual = (predicted - target).square().sum()
    return 1.0 - float(residual / (target - target.mean(dim=0)).square().sum())


def distill(
    training: DistillationSampler,
    validation: DistillationSampler | None,
    recipe: DistillRecipe,
    seed: int,
    *,
    pretrained: Pretrained | None = None,
    run: Path | None = None,
    on_step: Callable[[int], object] = lambda _: None,
) -> tuple[Student, TrainingResult]:
    """Distil into a new network, or into a pretrained one.

    Parameters
    ----------
    training, validation
        Windows with targets to train on, and to choose the step by.
    recipe, seed, run, on_step
        As for `training.fitting.loop.train`.
    pretrained
        Student to start from. Default: from scratch.
    """
    torch.manual_seed(seed)
    student = Student(DAMER(recipe.network), len(training.mean))
    if pretrained:
        student.load_state_dict(pretrained.weights, strict=False)
    else:
        augment = Augment(recipe)
        first = [
            augment(*training.batch(uniforms)[:2], uniforms)
            for uniforms in initial_uniforms(seed, _STATISTICS_BATCHES, recipe.batch)
        ]
        student.network.fit_standardisation(
            *(torch.cat(views) for views in zip(*first, strict=True))
        )
    task = Distillation(training, validation, recipe, seed)
    result = train(student, task, recipe, seed, run=run, on_step=on_step)
    student.load_state_dict(result.weights)
    return student.eval(), result
