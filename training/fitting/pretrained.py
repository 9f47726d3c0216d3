"""Students of MusiCNN, which fits and further distillation begin with."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from damer.nn import NetworkSize
from training.fitting.loop import read_checkpoint, write_whole
from training.fitting.recipe import DistillRecipe, Recipe

_NETWORK = "network."
_SAME = (
    *("mel_bands", "gammatone_channels", "token_frames"),
    *("width", "heads", "layers", "self_attention_layers", "gated", "fusion", "views"),
)
PRETRAINED = Path(__file__).parents[1] / "pretrained"


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A student of MusiCNN.

    Attributes
    ----------
    weights
        Of `Student`, but for the heads that say what is felt.
    mean, std
        By which the teacher's embeddings were standardised, (200,).
    held_out
        Data set and group of the music that it never learnt from.
    """

    weights: dict[str, Tensor]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    held_out: set[tuple[str, str]]

    def encoders(self) -> dict[str, Tensor]:
        """Weights of the network alone."""
        return {
            key.removeprefix(_NETWORK): value
            for key, value in self.weights.items()
            if key.startswith(_NETWORK)
        }


def load_pretrained(recipe: Recipe) -> Pretrained | None:
    """Load the student that a recipe begins with.

    Raises
    ------
    ValueError
        It is missing or damaged, or its network has another size.
    """
    if recipe.pretrained is None:
        return None
    path = PRETRAINED / f"{recipe.pretrained}.pt"
    content = read_checkpoint(path)
    size = NetworkSize.from_stored(content["recipe"]["network"])
    for key in _SAME:
        ours, theirs = getattr(recipe.network, key), getattr(size, key)
        if ours != theirs:
            raise ValueError(f"{recipe.name}: network.{key} is {ours}, but {theirs} in {path.name}")
    return Pretrained(
        weights={name: value.float() for name, value in content["weights"].items()},
        mean=content["mean"].numpy(),
        std=content["std"].numpy(),
        held_out={(dataset, group) for dataset, group in content["held_out"]},
    )


def save_pretrained(
    student: Pretrained, recipe: DistillRecipe, seed: int, explained: float, path: Path
) -> None:
    """Write a student, its weights in half precision."""
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
    write_whole(content, path)
