"""Pretrained students of MusiCNN: load, save, and initialise the heads of a fit.

The heads start as a ridge regression on the student's embeddings: linear probing before fine-tuning
(Kumar et al., ICLR 2022). Random heads would first distort the pretrained features, and fits that
start alike have weights that can be averaged.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from damer.nn import DAMER, NetworkSize
from damer.nn.network import Head
from training.fitting.checkpoint import load_checkpoint, save_atomically
from training.fitting.recipe import DistillRecipe, FitRecipe, Recipe
from training.fitting.sampling import LabelledSampler, initial_uniforms

PRETRAINED_DIR = Path(__file__).parents[1] / "pretrained"
_NETWORK_PREFIX = "network."
_SAME_FIELDS = (  # of the network's size; dropout may differ
    *("mel_bands", "gammatone_channels", "tokens", "token_frames"),
    *("width", "heads", "layers", "self_attention_layers", "gated", "fusion", "views"),
)
_PROBE_BATCHES = 24
_RIDGE = 0.1  # times the number of windows, for embeddings of about unit variance
_MAX_LABEL = 0.95  # labels are clipped to it before the inverse of the heads' tanh


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A student of MusiCNN.

    Attributes
    ----------
    weights
        State of `training.fitting.distill.Student` without the valence/arousal heads.
    mean, std
        Standardisation of the teachers' outputs, (targets,) each.
    held_out
        (data set, group) pairs that it was never trained on.
    """

    weights: dict[str, Tensor]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    held_out: set[tuple[str, str]]

    def network_weights(self) -> dict[str, Tensor]:
        """Weights of the network alone, without the embedding heads."""
        return {
            key.removeprefix(_NETWORK_PREFIX): value
            for key, value in self.weights.items()
            if key.startswith(_NETWORK_PREFIX)
        }


def fold_student(name: str, fold: int, folds: int, cache: Path) -> Path:
    """File of the student that was never trained on a fold: see `FitRecipe.fold_students`."""
    return cache / "students" / f"{name}-{fold}of{folds}.pt"


def load_pretrained(recipe: Recipe, file: Path | None = None) -> Pretrained | None:
    """Load the student named by `recipe.pretrained`; None if the recipe starts from scratch.

    Parameters
    ----------
    recipe
        The recipe.
    file
        File to load. Default: that in `PRETRAINED_DIR`.

    Raises
    ------
    ValueError
        The file is missing or damaged, or its network has another size than the recipe's.
    """
    if recipe.pretrained is None:
        return None
    path = file or PRETRAINED_DIR / f"{recipe.pretrained}.pt"
    content = load_checkpoint(path)
    size = NetworkSize.from_stored(content["recipe"]["network"])
    for key in _SAME_FIELDS:
        ours, theirs = getattr(recipe.network, key), getattr(size, key)
        if ours != theirs:
            raise ValueError(
                f"cannot start {recipe.name} from a pretrained network of another size: "
                f"network.{key} is {ours}, but {theirs} in {path.name}; change the recipe"
            )
    return Pretrained(
        weights={name: value.float() for name, value in content["weights"].items()},
        mean=content["mean"].numpy(),
        std=content["std"].numpy(),
        held_out={(dataset, group) for dataset, group in content["held_out"]},
    )


def save_pretrained(
    student: Pretrained, recipe: DistillRecipe, seed: int, explained: float, path: Path
) -> None:
    """Save a student in half precision, with the explained variance of its validation."""
    content = {
        "weights": {
            key: value.half() for key, value in student.weights.items() if "_head." not in key
        },
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
        "explained": explained,
        "mean": torch.from_numpy(student.mean),
        "std": torch.from_numpy(student.std),
        "held_out": sorted(student.held_out),
    }
    save_atomically(content, path)


@torch.inference_mode()
def init_heads_by_ridge(network: DAMER, sampler: LabelledSampler, recipe: FitRecipe) -> None:
    """Set the means of the fused and the view heads by ridge regression on training windows."""
    network.eval()
    embeddings, labels = [], []
    for uniforms in initial_uniforms(0, _PROBE_BATCHES, recipe.batch):
        batch = sampler.batch(uniforms)
        output = network(batch.mel, batch.cochleagram)
        embeddings.append((output.embedding, output.mel_embedding, output.cochleagram_embedding))
        labels.append(batch.label)
    targets = torch.cat(labels).clamp(-_MAX_LABEL, _MAX_LABEL).atanh()
    heads = (network.fused_head, network.mel_head, network.cochleagram_head)
    for head, parts in zip(heads, zip(*embeddings, strict=True), strict=True):
        _fit_ridge(head, torch.cat(parts), targets)


def _fit_ridge(head: Head, embedding: Tensor, target: Tensor) -> None:
    """Set a head's weights by ridge regression of targets (n, 2) on embeddings (n, width)."""
    embedding_mean, target_mean = embedding.mean(dim=0), target.mean(dim=0)
    centred = embedding - embedding_mean
    ridge = _RIDGE * len(embedding) * torch.eye(embedding.shape[1])
    slope = torch.linalg.solve(centred.T @ centred + ridge, centred.T @ (target - target_mean))
    head.mean.weight.copy_(slope.T)
    head.mean.bias.copy_(target_mean - embedding_mean @ slope)
