"""Targets of a distillation: the outputs of its teachers, side by side."""

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from training.fitting.recipe import DistillRecipe
from training.sound.affect_heads import HEADS, AffectHeads, find_affect_heads
from training.sound.feature_cache import load_embeddings, load_tags
from training.sound.renditions import PieceRendering
from training.sound.tagger import CLASSES, Tagger, find_tagger
from training.sound.teacher import EMBEDDING_SIZE


class TargetGroup(NamedTuple):
    """Targets of one teacher.

    Attributes
    ----------
    teacher
        Name of the teacher.
    size
        Number of targets.
    weight
        Weight of their mean squared error.
    """

    teacher: str
    size: int
    weight: float


def target_groups(recipe: DistillRecipe) -> tuple[TargetGroup, ...]:
    """List the teachers of a recipe in the order of their targets."""
    groups = (
        TargetGroup("MusiCNN", EMBEDDING_SIZE, 1.0),
        TargetGroup("valence and arousal heads", 2 * len(HEADS), recipe.affect_loss),
        TargetGroup("YAMNet", len(CLASSES), recipe.tag_loss),
    )
    return tuple(one for one in groups if one.weight)


class FurtherTeachers(NamedTuple):
    """Teachers of a recipe beside MusiCNN; None if the recipe does not have them."""

    heads: AffectHeads | None = None
    tagger: Tagger | None = None

    @classmethod
    def of(cls, recipe: DistillRecipe, roots: list[Path]) -> Self:
        """Load the teachers of a recipe from the first data folder that has each.

        Raises
        ------
        ValueError
            No folder has one of them, or it is damaged.
        """
        heads = find_affect_heads(roots, required=True) if recipe.affect_loss else None
        tagger = find_tagger(roots) if recipe.tag_loss else None
        return cls(heads, tagger)


def load_targets(
    renditions: list[PieceRendering], teachers: FurtherTeachers, cache: Path
) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
    """Load window ends in seconds, (n,), and targets, (n, targets); compute missing ones.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_embeddings` and `load_tags`.
    """
    embedded = load_embeddings(renditions, cache)
    parts = [[values for _, values in embedded]]
    if teachers.heads:
        predict = teachers.heads.predict
        parts.append([predict(one).reshape(len(one), -1).astype(np.float32) for one in parts[0]])
    if teachers.tagger:
        parts.append([values for _, values in load_tags(renditions, teachers.tagger, cache)])
    joined = [np.concatenate(one, axis=1) for one in zip(*parts, strict=True)]
    return [(ends, values) for (ends, _), values in zip(embedded, joined, strict=True)]
