"""Distillation: both encoders and their fusion learn MusiCNN's embedding from unlabelled music."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from damer.nn import DAMER, NetworkOutput
from training.fitting.augment import Augment
from training.fitting.learner import Views
from training.fitting.loop import Trained, train
from training.fitting.pretrained import Pretrained
from training.fitting.recipe import DistillRecipe
from training.fitting.sampling import EmbeddedSampler, draw, first_batches
from training.fitting.shares import Share, whole
from training.sound.teacher import EMBEDDING_SIZE

_STATISTICS_BATCHES = 8
_VALIDATION_WINDOWS = 1024
_AT_ONCE = 64


class Student(nn.Module):
    """A network with heads that answer with the teacher's standardised embedding."""

    def __init__(self, network: DAMER) -> None:
        super().__init__()
        self.network = network
        for head in (network.fused_head, network.mel_head, network.cochleagram_head):
            head.requires_grad_(False)  # labels teach them, later
        width = network.size.width
        self.heads = nn.ModuleList(nn.Linear(width, EMBEDDING_SIZE) for _ in range(3))

    def forward(self, mel: Tensor, cochleagram: Tensor) -> tuple[NetworkOutput, Tensor]:
        """Give the network's output and the answers of fused, Mel and other head, (3, B, 200)."""
        output = self.network(mel, cochleagram)
        embeddings = (output.embedding, output.mel_embedding, output.cochleagram_embedding)
        answers = [head(one) for head, one in zip(self.heads, embeddings, strict=True)]
        return output, torch.stack(answers)


class Distillation:
    """Mean squared error to the teacher's standardised embedding."""

    def __init__(
        self,
        heard: EmbeddedSampler,
        held_out: EmbeddedSampler | None,
        recipe: DistillRecipe,
        seed: int,
    ) -> None:
        self._heard, self._held_out = heard, held_out
        self._recipe, self._seed = recipe, seed
        self._augment = Augment(recipe)

    def batch(self, step: int, share: Share) -> tuple[Views, Tensor]:
        """Draw windows of the pool for a share, and embeddings for the whole batch."""
        chances = draw(self._seed, step, self._recipe.batch)
        mel, cochleagram, embedding = self._heard.batch(chances, share)
        return self._augment(mel, cochleagram, share.of(chances)), embedding

    def loss(
        self,
        model: nn.Module,
        batch: tuple[Views, Tensor],
        fabric: Fabric,
        step: int,  # noqa: ARG002 - a task's
    ) -> Tensor:
        """Error of the fused head and, weighted, of the heads of the views."""
        views, embedding = fabric.to_device(batch)
        _, answers = model(*views)
        answers = torch.stack(whole(fabric, tuple(answers)))
        errors = embedding_errors(answers, embedding)
        return errors[0] + self._recipe.view_loss * (errors[1] + errors[2])

    def score(self, network: nn.Module) -> float | None:
        """Give the share of the embedding's variance that is explained on held-out music."""
        if self._held_out is None or not len(self._held_out):
            return None
        count = min(_VALIDATION_WINDOWS, len(self._held_out))
        chosen = np.linspace(0, len(self._held_out) - 1, count).astype(np.int64)
        device = next(network.parameters()).device
        errors = []
        with torch.inference_mode():
            for start in range(0, count, _AT_ONCE):
                batch = self._held_out.at(chosen[start : start + _AT_ONCE])
                _, answers = network(batch.mel.to(device), batch.cochleagram.to(device))
                errors.append((answers[0].cpu() - batch.embedding).square().mean(dim=1))
        return 1.0 - float(torch.cat(errors).mean())

    def notes(self, network: nn.Module) -> dict[str, float]:  # noqa: ARG002 - a task's
        """Give nothing more."""
        return {}


def embedding_errors(answers: Tensor, embedding: Tensor) -> Tensor:
    """Mean squared error of each head, (3,), of answers (3, B, 200)."""
    return (answers - embedding).square().mean(dim=(1, 2))


def distill(
    heard: EmbeddedSampler,
    held_out: EmbeddedSampler | None,
    recipe: DistillRecipe,
    seed: int,
    *,
    pretrained: Pretrained | None = None,
    run: Path | None = None,
    on_step: Callable[[int], object] = lambda _: None,
) -> tuple[Student, Trained]:
    """Teach a network, a new one or a student; arguments and errors are those of `train`."""
    torch.manual_seed(seed)
    student = Student(DAMER(recipe.network))
    if pretrained:
        student.load_state_dict(pretrained.weights, strict=False)
    else:
        augment = Augment(recipe)
        first = [
            augment(*heard.batch(chances)[:2], chances)
            for chances in first_batches(seed, _STATISTICS_BATCHES, recipe.batch)
        ]
        student.network.fit_standardisation(
            *(torch.cat(views) for views in zip(*first, strict=True))
        )
    task = Distillation(heard, held_out, recipe, seed)
    trained = train(student, task, recipe, seed, run=run, on_step=on_step)
    student.load_state_dict(trained.weights)
    return student.eval(), trained
