"""Splits by group: whatever belongs to one song or series stays on one side."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from training.datasets import Piece

_VALIDATION_SHARE = 0.15


def assign_folds(pieces: list[Piece], count: int) -> dict[str, int]:
    """Give each group of one data set a fold, largest groups first to the emptiest fold."""
    sizes = Counter(piece.group for piece in pieces)
    filled = [0] * count
    folds = {}
    for group, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        fold = filled.index(min(filled))
        folds[group] = fold
        filled[fold] += size
    return folds


def hold_out(pieces: list[Piece], share: float, seed: int) -> set[str]:
    """Choose groups of one data set for validation, about `share` of its pieces, at least one."""
    sizes = Counter(piece.group for piece in pieces)
    groups = sorted(sizes)
    np.random.default_rng(seed).shuffle(groups)
    chosen: set[str] = set()
    filled = 0
    for group in groups:
        if filled + sizes[group] <= share * len(pieces) * 1.25:
            chosen.add(group)
            filled += sizes[group]
    return chosen or {min(groups, key=lambda group: (sizes[group], group))}


@dataclass(frozen=True, slots=True)
class Split:
    """Pieces of one fold: to fit on, to choose by, to judge by."""

    train: list[Piece]
    validation: list[Piece]
    test: list[Piece]


def split(
    pieces: list[Piece], fold: int, folds: int, seed: int, choosing: Collection[str]
) -> Split:
    """Split each data set by group; the validation groups depend on fold and seed.

    Only the data sets in `choosing` give pieces for validation.
    """
    parts = Split([], [], [])
    for dataset in sorted({piece.dataset for piece in pieces}):
        own = [piece for piece in pieces if piece.dataset == dataset]
        fold_of = assign_folds(own, folds)
        rest = [piece for piece in own if fold_of[piece.group] != fold]
        held = set()
        if dataset in choosing:
            held = hold_out(rest, _VALIDATION_SHARE, seed=folds * seed + fold)
        parts.test.extend(piece for piece in own if fold_of[piece.group] == fold)
        parts.validation.extend(piece for piece in rest if piece.group in held)
        parts.train.extend(piece for piece in rest if piece.group not in held)
    return parts
