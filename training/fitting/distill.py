"""Distillation: train a network to predict MusiCNN's embedding on unlabelled music."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from damer.nn import DAMER, NetworkOutput
from training.fitting.augment import Augment
from training.fitting.distributed import RankSlice, all_gather
from training.fitting.learner import Views
from training.fitting.loop import TrainingResult, train
from training.fitting.pretrained import Pretrained
from training.fitting.recipe import DistillRecipe
from training.fitting.sampling import DistillationSampler, draw_uniforms, initial_uniforms
from training.sound.teacher import EMBEDDING_SIZE

_STATISTICS_BATCHES = 8
_VALIDATION_WINDOWS = 1024
_VALIDATION_BATCH = 64


class Student(nn.Module):
    """A network with three linear heads that predict the teacher's standardised embedding."""

    def __init__(self, network: DAMER) -> None:
        super().__init__()
        self.network = network
        for head in (network.fused_head, network.mel_head, network.cochleagram_head):
            head.requires_grad_(False)  # trained later, on labels
        width = network.size.width
        self.heads = nn.ModuleList(nn.Linear(width, EMBEDDING_SIZE) for _ in range(3))

    def forward(self, mel: Tensor, cochleagram: Tensor) -> tuple[NetworkOutput, Tensor]:
        """Return the network's output and the embeddings of fused, Mel and cochleagram head.

        Mel is (B, mel_bands, T), cochleagram (B, gammatone_channels, T), embeddings (3, B, 200).
        """
        output = self.network(mel, cochleagram)
        inputs = (output.embedding, output.mel_embedding, output.cochleagram_embedding)
        embeddings = [head(one) for head, one in zip(self.heads, inputs, strict=True)]
        return output, torch.stack(embeddings)


class Distillation:
    """Task of distillation: mean squared error to the teacher's standardised embedding."""

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

    def batch(self, step: int, rank_slice: RankSlice) -> tuple[Views, Tensor]:
        """Draw augmented windows of a rank slice, and the embeddings of the whole batch."""
        uniforms = draw_uniforms(self._seed, step, self._recipe.batch)
        mel, cochleagram, embedding = self._training.batch(uniforms, rank_slice)
        return self._augment(mel, cochleagram, rank_slice.select(uniforms)), embedding

    def loss(
        self,
        model: nn.Module,
        batch: tuple[Views, Tensor],
        fabric: Fabric,
        step: int,  # noqa: ARG002 - of a task
    ) -> Tensor:
        """Error of the fused head plus the weighted errors of the view heads."""
        views, embedding = fabric.to_device(batch)
        _, predictions = model(*views)
        predictions = torch.stack(all_gather(fabric, tuple(predictions)))
        errors = embedding_errors(predictions, embedding)
        return errors[0] + self._recipe.view_loss * (errors[1] + errors[2])

    def score(self, network: nn.Module) -> float | None:
        """Share of the embedding's variance that is explained on held-out music."""
        if self._validation is None or not len(self._validation):
            return None
        count = min(_VALIDATION_WINDOWS, len(self._validation))
        chosen = np.linspace(0, len(self._validation) - 1, count).astype(np.int64)
        device = next(network.parameters()).device
        errors = []
        with torch.inference_mode():
            for start in range(0, count, _VALIDATION_BATCH):
                batch = self._validation.select(chosen[start : start + _VALIDATION_BATCH])
                _, predictions = network(batch.mel.to(device), batch.cochleagram.to(device))
                errors.append((predictions[0].cpu() - batch.embedding).square().mean(dim=1))
        return 1.0 - float(torch.cat(errors).mean())

    def diagnostics(self, network: nn.Module) -> dict[str, float]:  # noqa: ARG002 - of a task
        """Nothing further."""
        return {}


def embedding_errors(predictions: Tensor, embedding: Tensor) -> Tensor:
    """Mean squared error of each head, (3,), of predictions (3, B, 200)."""
    return (predictions - embedding).square().mean(dim=(1, 2))


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
        Windows with embeddings to train on, and to choose the step by.
    recipe, seed, run, on_step
        As for `training.fitting.loop.train`.
    pretrained
        Student to start from. Default: from scratch.
    """
    torch.manual_seed(seed)
    student = Student(DAMER(recipe.network))
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
