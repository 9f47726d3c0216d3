"""Splits by group: whatever belongs to one song or series stays on one side."""

from collections import Counter

import numpy as np

from training.datasets import Piece


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
