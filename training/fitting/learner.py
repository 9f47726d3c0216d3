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
from damer.nn.saml import StyleAnchoredMemory, contrastive_loss, update_momentum_encoder
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


class Heard(NamedTuple):
    """What the networks say of windows.

    Attributes
    ----------
    labelled
        Of labelled windows: fused head and heads of the views, (B, 2) each; with SAML the embedding
        too, and the momentum encoder's, (B, width).
    pool
        With PCL, of windows without labels: the three heads, and those of the network that labels.
    """

    labelled: tuple[Tensor, ...]
    pool: tuple[Tensor, ...]


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

    def forward(self, views: Views, pool: Pool | None) -> Heard:
        """Hear a share of a batch, or all of it; the momentum copies make a step."""
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
        return Heard(labelled, unlabelled)

    def loss(self, heard: Heard, known: Known, progress: float) -> Tensor:
        """Give the loss of PCL and SAML, 0 without them, and remember the batch.

        Parameters
        ----------
        heard, known
            What was said, and what is known, of the whole batch.
        progress
            Share of the training that is done, in [0, 1].
        """
        loss = heard.labelled[0].new_zeros(())
        if self._saml and self.memory is not None:
            embedding, key = heard.labelled[3:]
            loss = loss + self._contrast(self._saml, self.memory, embedding, key, known)
        if self._pcl and heard.pool:
            loss = loss + self._pseudo(self._pcl, heard.pool[:3], heard.pool[3:], known, progress)
        return loss

    def _contrast(
        self,
        saml: SAML,
        memory: StyleAnchoredMemory,
        embedding: Tensor,
        key: Tensor,
        known: Known,
    ) -> Tensor:
        loss = contrastive_loss(
            embedding,
            *known,
            memory,
            temperature=saml.temperature,
            bandwidth=saml.bandwidth,
            across=saml.across,
        )
        memory.enqueue(key, *known)
        return saml.weight * loss

    def _pseudo(
        self,
        pcl: PCL,
        heads: tuple[Tensor, ...],
        labelling: tuple[Tensor, ...],
        known: Known,
        progress: float,
    ) -> Tensor:
        settings = pcl.settings
        labels = pseudo_labels(torch.stack(labelling), progress, settings)
        losses = [pseudo_label_loss(head, labels) for head in heads]
        centres = cell_centres(settings.cells).to(known.label)
        reference = cell_distribution(known.label, centres, temperature_at(progress, settings))
        self.diagnostics = diagnose(labels, reference.mean(dim=0))
        return pcl.weight * weight_at(progress, settings) * torch.stack(losses).mean()


def _heads(output: NetworkOutput) -> tuple[Tensor, Tensor, Tensor]:
    return output.fused.mean, output.mel, output.cochleagram


def _frozen(network: DAMER) -> DAMER:
    return copy.deepcopy(network).requires_grad_(False).eval()
