"""Standard deviations that mean what they say: fitted to errors on music that was held out."""

import numpy as np
import torch
from torch import Tensor

from damer.nn import DAMER
from damer.views import FrontEndSpec
from training.evaluation.predict import Trajectory, embeddings
from training.sound.features import Rendition

_RIDGE = 3.0
_STEPS = 200


def fit_deviations(
    network: DAMER, held_out: list[tuple[Rendition, Trajectory]], spec: FrontEndSpec
) -> None:
    """Fit the deviation head by the likelihood of errors; data sets weigh alike.

    A ridge holds it near one deviation for all: there is little music to fit it to.

    Parameters
    ----------
    network
        Whose head it is.
    held_out
        Music, and what was estimated of it by a fit that had not heard it.
    spec
        The front end.
    """
    sets: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for rendition, path in held_out:
        ends = np.rint(path.times * spec.sample_rate / spec.hop).astype(np.int64)
        errors = torch.from_numpy(path.mean - path.labels()).float()
        pair = (embeddings(network, rendition, ends, spec).clone(), errors)
        sets.setdefault(path.piece.dataset, []).append(pair)
    pairs = [tuple(torch.cat(parts) for parts in zip(*one, strict=True)) for one in sets.values()]
    head = network.deviation_head
    weight, bias = (parameter.requires_grad_() for parameter in head.parameters())
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def unlikeliness() -> Tensor:
        optimizer.zero_grad()
        total = _RIDGE * weight.square().sum()
        for heard, errors in pairs:
            std = head(heard)
            likely = std.log() + 0.5 * (errors / std).square()
            total = total + likely.mean(dim=0).sum() / len(pairs)
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(unlikeliness)  # type: ignore[no-untyped-call]
    head.requires_grad_(False)
