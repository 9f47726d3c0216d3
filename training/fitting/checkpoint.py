"""Checkpoints: save training state atomically, and resume a killed run from it.

`RUN/state.pt` is written at each validation. The same command, run again, loads it and continues to
the same weights. A state of another recipe or seed is refused.
"""

import os
import pickle
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import ValidationError

from training.fitting.recipe import Recipe


def save_state(
    path: Path, parts: dict[str, Any], recipe: Recipe, seed: int, progress: dict[str, Any]
) -> None:
    """Save the state of a run.

    Parameters
    ----------
    path
        File to write.
    parts
        Modules and optimizer, by name.
    recipe, seed
        What the run was started with.
    progress
        Further values to keep, by name.
    """
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"recipe": recipe.model_dump(mode="json"), "seed": seed}
    save_atomically(state | progress, path)


def resume(path: Path, parts: dict[str, Any], recipe: Recipe, seed: int) -> dict[str, Any]:
    """Load a saved state into modules and optimizer; return everything that was saved.

    Raises
    ------
    ValueError
        The file is damaged, or was saved by another recipe or seed.
    """
    state = load_checkpoint(path)
    try:
        stored = type(recipe)(**state["recipe"]).model_dump(mode="json")
    except ValidationError:
        raise ValueError(
            f"cannot resume from {path}: it is of another kind or version of recipes; "
            "choose another --run-dir, or delete it"
        ) from None
    ours = {**recipe.model_dump(mode="json"), "seed": seed}
    theirs = {**stored, "seed": state["seed"]}
    if different := [key for key in ours if ours[key] != theirs[key]]:
        key = different[0]
        raise ValueError(
            f"cannot resume from {path}: it is of another recipe ({key} is {theirs[key]!r} "
            f"there and {ours[key]!r} here); choose another --run-dir, or delete it"
        )
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state


def save_atomically(content: Any, path: Path) -> None:
    """Save with torch, so that the file is complete or as it was before.

    Raises
    ------
    ValueError
        The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())  # or a power failure could leave an empty file of this name
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        partial.unlink(missing_ok=True)
        raise ValueError(f"cannot write {path}: {error}") from None
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load a file that `save_atomically` wrote.

    Raises
    ------
    ValueError
        The file is missing or damaged; the message names it.
    """
    try:
        return cast("dict[str, Any]", torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise ValueError(f"cannot read {path}: it is missing") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError) as error:
        raise ValueError(f"cannot read {path}: it is damaged ({error})") from None
