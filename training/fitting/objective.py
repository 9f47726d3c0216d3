"""What a fit minimises."""

import torch
from torch import Tensor

from training.fitting.recipe import FitRecipe


def concordance(estimate: Tensor, label: Tensor) -> Tensor:
    """Lin's concordance correlation coefficient of each column, (B, 2) -> (2,)."""
    estimate_mean, label_mean = estimate.mean(dim=0), label.mean(dim=0)
    covariance = ((estimate - estimate_mean) * (label - label_mean)).mean(dim=0)
    spread = estimate.var(dim=0, unbiased=False) + label.var(dim=0, unbiased=False)
    return 2.0 * covariance / (spread + (estimate_mean - label_mean) ** 2 + 1e-6)


def objective(
    heads: tuple[Tensor, ...], label: Tensor, rows: dict[str, slice], recipe: FitRecipe
) -> Tensor:
    """Loss of a batch: fused head and heads of the views, (B, 2) each; data sets weigh alike."""
    fused, mel, cochleagram = heads
    losses = [
        _head_loss(fused, label, part, recipe)
        + recipe.view_loss * _head_loss(mel, label, part, recipe)
        + recipe.view_loss * _head_loss(cochleagram, label, part, recipe)
        for part in rows.values()
    ]
    return torch.stack(losses).mean()


def _head_loss(estimate: Tensor, label: Tensor, part: slice, recipe: FitRecipe) -> Tensor:
    error = (estimate[part] - label[part]).square().mean(dim=0)
    spread = label[part].var(dim=0, unbiased=False) + 0.01
    discord = 1.0 - concordance(estimate[part], label[part])
    return (discord + recipe.error_loss * error / spread).mean()
