"""A network while it learns: with momentum copies and a memory where a recipe asks for them."""

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
from damer.nn.saml import StyleAnchoredMemory, contrast, follow
from training.fitting.recipe import PCL, SAML, FitRecipe

Views = tuple[Tensor, Tensor]


class Known(NamedTuple):
    """What is known of a labelled batch.

    Attributes
    ----------
    label
        Valence and arousal, (B, 2).
    track, style
        Numbers, (B,).
    """

    label: Tensor
    track: Tensor
    style: Tensor


class Pool(NamedTuple):
    """Windows without labels, as they are and as the network that learns hears them."""

    plain: Views
    augmented: Views


class Learner(nn.Module):
    """The network that learns, and what PCL and SAML keep beside it.

    Everything is in its state, so that a fit that goes on goes on with the same memory.
    """

    def __init__(self, network: DAMER, recipe: FitRecipe, styles: int) -> None:
        super().__init__()
        self.network = network
        self._pcl, self._saml = recipe.pcl, recipe.saml
        self.labeller = _frozen(network) if recipe.pcl else None
        self.encoder = _frozen(network) if recipe.saml else None
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

    def forward(
        self, views: Views, known: Known, pool: Pool | None, progress: float
    ) -> tuple[NetworkOutput, Tensor]:
        """Give the output for a labelled batch, and the loss of PCL and SAML, 0 without them."""
        output = self.network(*views)
        extra = output.fused.mean.new_zeros(())
        if self._saml and self.encoder is not None and self.memory is not None:
            extra = extra + self._contrast(
                self._saml, self.encoder, self.memory, views, output, known
            )
        if self._pcl and self.labeller is not None and pool is not None:
            extra = extra + self._pseudo(self._pcl, self.labeller, pool, known, progress)
        return output, extra

    def _contrast(
        self,
        saml: SAML,
        encoder: DAMER,
        memory: StyleAnchoredMemory,
        views: Views,
        output: NetworkOutput,
        known: Known,
    ) -> Tensor:
        follow(encoder, self.network, saml.decay)
        loss = contrast(
            output.embedding,
            *known,
            memory,
            temperature=saml.temperature,
            bandwidth=saml.bandwidth,
            across=saml.across,
        )
        with torch.no_grad():
            memory.remember(encoder(*views).embedding, *known)
        return saml.weight * loss

    def _pseudo(
        self, pcl: PCL, labeller: DAMER, pool: Pool, known: Known, progress: float
    ) -> Tensor:
        follow(labeller, self.network, pcl.decay)
        settings = pcl.settings
        with torch.no_grad():
            labels = pseudo_labels(torch.stack(_heads(labeller(*pool.plain))), progress, settings)
        losses = [pseudo_label_loss(head, labels) for head in _heads(self.network(*pool.augmented))]
        centres = cell_centres(settings.cells).to(known.label)
        reference = cell_distribution(known.label, centres, temperature_at(progress, settings))
        self.diagnostics = diagnose(labels, reference.mean(dim=0))
        return pcl.weight * weight_at(progress, settings) * torch.stack(losses).mean()


def _heads(output: NetworkOutput) -> tuple[Tensor, Tensor, Tensor]:
    return output.fused.mean, output.mel, output.cochleagram


def _frozen(network: DAMER) -> DAMER:
    return copy.deepcopy(network).requires_grad_(False).eval()
