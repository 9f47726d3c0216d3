"""Fit the network's deviation head, by Gaussian likelihood on held-out music."""

import numpy as np
import torch
from torch import Tensor

from damer.nn import DAMER
from damer.views import FrontEndSpec
from training.predict import Trajectory, embeddings
from training.sound.renditions import Rendition

_RIDGE = 3.0
_MAX_ITERATIONS = 200


def fit_deviation_head(
    network: DAMER, held_out: list[tuple[Rendition, Trajectory]], spec: FrontEndSpec
) -> None:
    """Fit the deviation head to prediction errors; data sets have equal weight.

    A ridge penalty keeps the deviation nearly constant, because there is little music to fit it to.

    Parameters
    ----------
    network
        Network whose `deviation_head` is fitted, in place.
    held_out
        Renditions, and their predictions by a fit that was not trained on them.
    spec
        Front end of the network.
    """
    by_dataset: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for rendition, trajectory in held_out:
        ends = np.rint(trajectory.times * spec.sample_rate / spec.hop).astype(np.int64)
        errors = torch.from_numpy(trajectory.mean - trajectory.labels()).float()
        pair = (embeddings(network, rendition, ends, spec).clone(), errors)
        by_dataset.setdefault(trajectory.piece.dataset, []).append(pair)
    pairs = [
        tuple(torch.cat(parts) for parts in zip(*one, strict=True)) for one in by_dataset.values()
    ]
    head = network.deviation_head
    weight, bias = (parameter.requires_grad_() for parameter in head.parameters())
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_MAX_ITERATIONS, line_search_fn="strong_wolfe"
    )

    def negative_log_likelihood() -> Tensor:
        optimizer.zero_grad()
        total = _RIDGE * weight.square().sum()
        for embedding, errors in pairs:
            std = head(embedding)
            likelihood = std.log() + 0.5 * (errors / std).square()
            total = total + likelihood.mean(dim=0).sum() / len(pairs)
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(negative_log_likelihood)  # type: ignore[no-untyped-call]
    head.requires_grad_(False)
