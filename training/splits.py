"""Split pieces by group: all of one song or series stays on one side, in every data set."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from training.datasets import Piece

_VALIDATION_SHARE = 0.15


def fold_of_each(pieces: list[Piece], count: int) -> dict[tuple[str, str], int]:
    """Assign each (data set, group) to a fold: largest groups first, to the smallest fold.

    A group that two data sets share is in the same fold of both.
    """
    folds: dict[str, int] = {}
    fold_of: dict[tuple[str, str], int] = {}
    for dataset in sorted({piece.dataset for piece in pieces}):
        sizes = Counter(piece.group for piece in pieces if piece.dataset == dataset)
        sizes_of_folds = [0] * count
        for group, size in sizes.items():
            if group in folds:
                sizes_of_folds[folds[group]] += size
        for group, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
            if group not in folds:
                folds[group] = sizes_of_folds.index(min(sizes_of_folds))
                sizes_of_folds[folds[group]] += size
            fold_of[dataset, group] = folds[group]
    return fold_of


def hold_out(
    pieces: list[Piece], share: float, seed: int, required: Collection[str] = ()
) -> set[str]:
    """Choose groups of one data set to hold out: about `share` of its pieces, at least one group.

    Groups in `required` are held out in any case.

    Raises
    ------
    ValueError
        There is only one group.
    """
    sizes = Counter(piece.group for piece in pieces)
    if len(sizes) < 2:
        name = pieces[0].dataset if pieces else "a data set"
        raise ValueError(
            f"cannot split {name}: it has too few groups; "
            "two are needed beside those of the test side"
        )
    groups = sorted(sizes)
    np.random.default_rng(seed).shuffle(groups)
    chosen = {group for group in groups if group in required}
    filled = sum(sizes[group] for group in chosen)
    for group in groups:
        if group not in chosen and filled + sizes[group] <= share * len(pieces) * 1.25:
            chosen.add(group)
            filled += sizes[group]
    return chosen or {min(groups, key=sizes.__getitem__)}


@dataclass(frozen=True, slots=True)
class Split:
    """Pieces of one fold: to train on, to choose the step by, to evaluate on."""

    train: list[Piece]
    validation: list[Piece]
    test: list[Piece]


def split(
    pieces: list[Piece], fold: int, folds: int, seed: int, validate_on: Collection[str]
) -> Split:
    """Split into training, validation and test side; validation groups depend on fold and seed."""
    fold_of = fold_of_each(pieces, folds)
    tested = [fold_of[piece.dataset, piece.group] == fold for piece in pieces]
    rest = [piece for piece, is_test in zip(pieces, tested, strict=True) if not is_test]
    test = [piece for piece, is_test in zip(pieces, tested, strict=True) if is_test]
    return replace(validation_split(rest, folds * seed + fold, validate_on), test=test)


def leave_out(pieces: list[Piece], dataset: str, seed: int, validate_on: Collection[str]) -> Split:
    """Split so that the test side is one whole data set, and no group of it is on another side."""
    test = [piece for piece in pieces if piece.dataset == dataset]
    groups = {piece.group for piece in test}
    rest = [piece for piece in pieces if piece.group not in groups]
    return replace(validation_split(rest, seed, validate_on), test=test)


def validation_split(pieces: list[Piece], seed: int, validate_on: Collection[str]) -> Split:
    """Split into training and validation side; the test side is empty.

    Validation pieces come from the data sets in `validate_on`. Their groups are left out of the
    training side of other data sets, too.
    """
    held_out: set[str] = set()
    for dataset in sorted(validate_on):
        own = [piece for piece in pieces if piece.dataset == dataset]
        held_out |= hold_out(own, _VALIDATION_SHARE, seed, held_out)
    parts = Split([], [], [])
    for piece in pieces:
        if piece.group not in held_out:
            parts.train.append(piece)
        elif piece.dataset in validate_on:
            parts.validation.append(piece)
    return parts
