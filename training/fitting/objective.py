"""What a fit minimises."""

import torch
from torch import Tensor

from damer.nn import HeadOutput, NetworkOutput
from training.fitting.recipe import FitRecipe


def concordance(estimate: Tensor, label: Tensor) -> Tensor:
    """Lin's concordance correlation coefficient of each column, (B, 2) -> (2,)."""
    estimate_mean, label_mean = estimate.mean(dim=0), label.mean(dim=0)
    covariance = ((estimate - estimate_mean) * (label - label_mean)).mean(dim=0)
    spread = estimate.var(dim=0, unbiased=False) + label.var(dim=0, unbiased=False)
    return 2.0 * covariance / (spread + (estimate_mean - label_mean) ** 2 + 1e-6)


def objective(
    output: NetworkOutput, label: Tensor, rows: dict[str, slice], recipe: FitRecipe
) -> Tensor:
    """Loss of a batch: fused head, view heads, deviations; data sets weigh alike."""
    losses = [
        _head_loss(output.fused, label, part, recipe)
        + recipe.view_loss * _head_loss(output.mel, label, part, recipe)
        + recipe.view_loss * _head_loss(output.cochleagram, label, part, recipe)
        + recipe.deviation_loss * _deviation_loss(output, label, part)
        for part in rows.values()
    ]
    return torch.stack(losses).mean()


def _head_loss(head: HeadOutput, label: Tensor, part: slice, recipe: FitRecipe) -> Tensor:
    error = (head.mean[part] - label[part]).square().mean(dim=0)
    spread = label[part].var(dim=0, unbiased=False) + 0.01
    discord = 1.0 - concordance(head.mean[part], label[part])
    return (discord + recipe.error_loss * error / spread).mean()


def _deviation_loss(output: NetworkOutput, label: Tensor, part: slice) -> Tensor:
    terms = []
    for head in (output.fused, output.mel, output.cochleagram):
        error = (head.mean[part] - label[part]).detach()
        terms.append((head.std[part].log() + 0.5 * (error / head.std[part]).square()).mean())
    return torch.stack(terms).mean()
