"""Loss on labelled music: 1 - CCC plus the normalised squared error, for each head and data set."""

import torch
from torch import Tensor

from training.fitting.recipe import FitRecipe


def ccc_per_axis(prediction: Tensor, label: Tensor) -> Tensor:
    """Lin's concordance correlation coefficient of each column, (B, 2) -> (2,)."""
    prediction_mean, label_mean = prediction.mean(dim=0), label.mean(dim=0)
    covariance = ((prediction - prediction_mean) * (label - label_mean)).mean(dim=0)
    variances = prediction.var(dim=0, unbiased=False) + label.var(dim=0, unbiased=False)
    return 2.0 * covariance / (variances + (prediction_mean - label_mean) ** 2 + 1e-6)


def label_loss(
    heads: tuple[Tensor, ...],
    label: Tensor,
    rows: dict[str, slice],
    recipe: FitRecipe,
    progress: float = 0.0,
) -> Tensor:
    """Loss of a batch: the weighted mean over its data sets.

    Parameters
    ----------
    heads
        Predictions of fused, Mel and cochleagram head, (B, 2) each.
    label
        Valence and arousal, (B, 2).
    rows
        Rows of each data set in the batch.
    recipe
        Weights of the terms and of the data sets.
    progress
        Share of the training that is done, in [0, 1].
    """
    fused, mel, cochleagram = heads
    weights = recipe.loss_weights(progress)
    losses = [
        _head_loss(fused, label, part, recipe)
        + recipe.view_loss * _head_loss(mel, label, part, recipe)
        + recipe.view_loss * _head_loss(cochleagram, label, part, recipe)
        for part in rows.values()
    ]
    shares = torch.tensor([weights.get(name, 1.0) for name in rows]).to(label)
    return (torch.stack(losses) * shares).sum() / shares.sum()


def _head_loss(prediction: Tensor, label: Tensor, part: slice, recipe: FitRecipe) -> Tensor:
    squared_error = (prediction[part] - label[part]).square().mean(dim=0)
    variance = label[part].var(dim=0, unbiased=False) + 0.01
    ccc_loss = 1.0 - ccc_per_axis(prediction[part], label[part])
    return (ccc_loss + recipe.error_loss * squared_error / variance).mean()
