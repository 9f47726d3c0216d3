"""Network in training, with the momentum copies and memory of PCL and SAML."""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from damer.nn import DAMER, NetworkOutput
from damer.nn.pcl import (
    PseudoLabelDiagnostics,
    cell_centres,
    cell_distribution,
    diagnose,
    pseudo_label_loss,
    pseudo_labels,
    temperature_at,
    weight_at,
)
from damer.nn.saml import StyleAnchoredMemory, contrastive_loss, update_momentum_encoder
from training.fitting.recipe import FitRecipe
from training.fitting.recipe_tables import PCL, SAML

Views = tuple[Tensor, Tensor]


class Targets(NamedTuple):
    """Targets of a labelled batch.

    Attributes
    ----------
    label
        Valence and arousal, (B, 2).
    track, style
        Indices of the piece and of its style, (B,).
    """

    label: Tensor
    track: Tensor
    style: Tensor


class UnlabelledViews(NamedTuple):
    """Unlabelled windows: plain for the labelling copy, augmented for the network in training."""

    plain: Views
    augmented: Views


class Predictions(NamedTuple):
    """Predictions for the windows of a batch.

    Attributes
    ----------
    labelled
        For labelled windows: fused, Mel and cochleagram head, (B, 2) each; with SAML also the
        embedding and that of the momentum encoder, (B, width) each.
    pool
        With PCL, for unlabelled windows: the three heads, then those of the labelling copy.
    """

    labelled: tuple[Tensor, ...]
    pool: tuple[Tensor, ...]


class Learner(nn.Module):
    """The network in training, PCL's labelling copy, SAML's momentum encoder and memory.

    All of it is in the state, so that a resumed fit continues with the same memory.
    """

    def __init__(self, network: DAMER, recipe: FitRecipe, styles: int) -> None:
        super().__init__()
        self.network = network
        self._pcl, self._saml = recipe.pcl, recipe.saml
        self.labeller = _frozen_copy(network) if recipe.pcl else None
        self.encoder = _frozen_copy(network) if recipe.saml else None
        self.memory = (
            StyleAnchoredMemory(
                recipe.saml.size, network.size.width, styles, recipe.saml.anchor_decay
            )
            if recipe.saml
            else None
        )
        self.diagnostics: PseudoLabelDiagnostics | None = None

    def train(self, mode: bool = True) -> "Learner":
        """Switch dropout on or off; the momentum copies never have it."""
        super().train(mode)
        for frozen in (self.labeller, self.encoder):
            if frozen is not None:
                frozen.eval()
        return self

    def forward(self, views: Views, pool: UnlabelledViews | None) -> Predictions:
        """Predict a rank slice of a batch, or all of it; update the momentum copies first."""
        output = self.network(*views)
        labelled: tuple[Tensor, ...] = _heads(output)
        unlabelled: tuple[Tensor, ...] = ()
        if self._saml and self.encoder is not None:
            update_momentum_encoder(self.encoder, self.network, self._saml.decay)
            with torch.no_grad():
                labelled += (output.embedding, self.encoder(*views).embedding)
        if self._pcl and self.labeller is not None and pool is not None:
            update_momentum_encoder(self.labeller, self.network, self._pcl.decay)
            with torch.no_grad():
                unlabelled = _heads(self.labeller(*pool.plain))
            unlabelled = _heads(self.network(*pool.augmented)) + unlabelled
        return Predictions(labelled, unlabelled)

    def loss(self, predictions: Predictions, targets: Targets, progress: float) -> Tensor:
        """Compute the loss of PCL and SAML, 0 without them, and add the batch to the memory.

        Parameters
        ----------
        predictions, targets
            Of the whole batch.
        progress
            Share of the training that is done, in [0, 1].
        """
        loss = predictions.labelled[0].new_zeros(())
        if self._saml and self.memory is not None:
            embedding, key = predictions.labelled[3:]
            loss = loss + self._contrast(self._saml, self.memory, embedding, key, targets)
        if self._pcl and predictions.pool:
            heads, labelling_heads = predictions.pool[:3], predictions.pool[3:]
            loss = loss + self._pseudo(self._pcl, heads, labelling_heads, targets, progress)
        return loss

    def _contrast(
        self,
        saml: SAML,
        memory: StyleAnchoredMemory,
        embedding: Tensor,
        key: Tensor,
        targets: Targets,
    ) -> Tensor:
        """Weighted contrastive loss of SAML; then enqueue the keys."""
        loss = contrastive_loss(
            embedding,
            *targets,
            memory,
            temperature=saml.temperature,
            bandwidth=saml.bandwidth,
            across=saml.across,
        )
        memory.enqueue(key, *targets)
        return saml.weight * loss

    def _pseudo(
        self,
        pcl: PCL,
        heads: tuple[Tensor, ...],
        labelling_heads: tuple[Tensor, ...],
        targets: Targets,
        progress: float,
    ) -> Tensor:
        """Weighted pseudo-label loss of PCL, averaged over the heads."""
        settings = pcl.settings
        labels = pseudo_labels(torch.stack(labelling_heads), progress, settings)
        losses = [pseudo_label_loss(head, labels) for head in heads]
        centres = cell_centres(settings.cells).to(targets.label)
        reference = cell_distribution(targets.label, centres, temperature_at(progress, settings))
        self.diagnostics = diagnose(labels, reference.mean(dim=0))
        return pcl.weight * weight_at(progress, settings) * torch.stack(losses).mean()


def _heads(output: NetworkOutput) -> tuple[Tensor, Tensor, Tensor]:
    return output.fused.mean, output.mel, output.cochleagram


def _frozen_copy(network: DAMER) -> DAMER:
    return copy.deepcopy(network).requires_grad_(False).eval()
