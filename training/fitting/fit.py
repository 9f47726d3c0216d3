"""Fit the network to a training split, watched on a validation split."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from damer.nn import DAMER
from training.fitting.augment import Augment
from training.sound.features import Rendition
from training.fitting.objective import objective
from training.judging.predict import Trajectory, scores, trajectory
from training.fitting.recipe import Recipe
from training.fitting.sampling import Batch, Sampler

VALIDATION_SECONDS = 4.0
_STATISTICS_BATCHES = 8


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted network.

    Attributes
    ----------
    network
        The averaged weights of the chosen step, its deviations scaled on validation.
    step
        The chosen step.
    history
        Validation score, the mean piece-level CCC over axes and data sets, at each look.
    """

    network: DAMER
    step: int
    history: list[tuple[int, float]]


def fit(
    train: list[Rendition],
    validation: list[Rendition],
    recipe: Recipe,
    seed: int,
    on_step: Callable[[], object] = lambda: None,
) -> Fit:
    """Fit once. Without a validation split the last step is chosen and deviations stay unscaled.

    `on_step` is called after each step, to show progress.

    The same arguments give the same weights on the same machine with one thread.
    """
    torch.manual_seed(seed)
    fabric = Fabric(accelerator="auto", devices=1)
    network = DAMER(recipe.network)
    augment = Augment(recipe, seed)
    batches = iter(Sampler(train, recipe, seed))
    _standardise(network, batches, augment)
    optimizer = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    model, optimizer = fabric.setup(network, optimizer)
    average = get_ema_multi_avg_fn(recipe.averaging)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(network, multi_avg_fn=average)
    history: list[tuple[int, float]] = []
    best = network
    for step in range(1, recipe.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * _schedule(step, recipe)
        mel, cochleagram, label, rows = next(batches)
        mel, cochleagram = augment(mel, cochleagram)
        output = model(fabric.to_device(mel), fabric.to_device(cochleagram))
        loss = objective(output, fabric.to_device(label), rows, recipe)
        optimizer.zero_grad()
        fabric.backward(loss)
        fabric.clip_gradients(model, optimizer, max_norm=1.0)
        optimizer.step()
        averaged.update_parameters(network)
        on_step()
        last = step == recipe.steps
        if last or (validation and step % recipe.check_every == 0):
            candidate = cast("DAMER", copy.deepcopy(averaged.module).eval())
            score = validate(candidate, validation, recipe) if validation else math.nan
            if not validation or score > max((old for _, old in history), default=-math.inf):
                best = candidate
            history.append((step, score))
    if validation:
        scale_deviations(best, [_look(best, one, recipe) for one in validation])
    step = max(history, key=lambda entry: entry[1])[0] if validation else recipe.steps
    return Fit(best, step, history)


def validate(network: DAMER, validation: list[Rendition], recipe: Recipe) -> float:
    """Mean piece-level CCC over both axes and all data sets."""
    values = []
    for dataset in recipe.datasets:
        paths = [_look(network, one, recipe) for one in validation if one.piece.dataset == dataset]
        values += [axis["ccc"] for axis in scores(paths).values()]
    return float(np.mean(values))


def scale_deviations(network: DAMER, trajectories: list[Trajectory]) -> None:
    """Scale the fused head's deviations so that standardised errors have variance one.

    Data sets weigh alike.
    """
    by_dataset: dict[str, list[np.ndarray]] = {}
    for path in trajectories:
        ratio = ((path.mean - path.labels()) / path.std) ** 2
        by_dataset.setdefault(path.piece.dataset, []).append(ratio)
    variances = [np.concatenate(parts).mean(axis=0) for parts in by_dataset.values()]
    scale = np.sqrt(np.mean(variances, axis=0))
    network.fused_head.std_scale *= (
        torch.from_numpy(scale).float().to(network.fused_head.std_scale.device)
    )


def _look(network: DAMER, rendition: Rendition, recipe: Recipe) -> Trajectory:
    every = VALIDATION_SECONDS if rendition.sound_font else 1.0
    return trajectory(network, rendition, every, recipe.front_end)


def _schedule(step: int, recipe: Recipe) -> float:
    if step < recipe.warmup:
        return step / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.5 * (1.0 + math.cos(math.pi * done))


def _standardise(network: DAMER, batches: Iterator[Batch], augment: Augment) -> None:
    mels, cochleagrams = [], []
    for _ in range(_STATISTICS_BATCHES):
        mel, cochleagram, _, _ = next(batches)
        mel, cochleagram = augment(mel, cochleagram)
        mels.append(mel)
        cochleagrams.append(cochleagram)
    for tokens, views in ((network.mel_tokens, mels), (network.cochleagram_tokens, cochleagrams)):
        frames = torch.cat(views).transpose(0, 1).flatten(1)  # (bands, frames)
        tokens.band_mean.copy_(frames.mean(dim=1, keepdim=True))
        tokens.band_std.copy_(frames.std(dim=1, keepdim=True).clamp_min(1e-4))
