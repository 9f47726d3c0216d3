"""Splits by group: whatever belongs to one song or series stays on one side, in every data set."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from training.datasets import Piece

_VALIDATION_SHARE = 0.15


def fold_of_each(pieces: list[Piece], count: int) -> dict[tuple[str, str], int]:
    """Give each (data set, group) a fold: largest groups first to the emptiest fold of their set.

    A group that two data sets share has one fold in both.
    """
    folds: dict[str, int] = {}
    answer: dict[tuple[str, str], int] = {}
    for dataset in sorted({piece.dataset for piece in pieces}):
        sizes = Counter(piece.group for piece in pieces if piece.dataset == dataset)
        filled = [0] * count
        for group, size in sizes.items():
            if group in folds:
                filled[folds[group]] += size
        for group, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
            if group not in folds:
                folds[group] = filled.index(min(filled))
                filled[folds[group]] += size
            answer[dataset, group] = folds[group]
    return answer


def hold_out(pieces: list[Piece], share: float, seed: int, held: Collection[str] = ()) -> set[str]:
    """Choose groups of one data set to hold out, about `share` of its pieces, at least one.

    Groups in `held` are held out anyway.
    """
    sizes = Counter(piece.group for piece in pieces)
    if len(sizes) < 2:
        name = pieces[0].dataset if pieces else "a data set"
        raise ValueError(f"{name} has too few groups: two are needed beside those that judge")
    groups = sorted(sizes)
    np.random.default_rng(seed).shuffle(groups)
    chosen = {group for group in groups if group in held}
    filled = sum(sizes[group] for group in chosen)
    for group in groups:
        if group not in chosen and filled + sizes[group] <= share * len(pieces) * 1.25:
            chosen.add(group)
            filled += sizes[group]
    return chosen or {min(groups, key=sizes.__getitem__)}


@dataclass(frozen=True, slots=True)
class Split:
    """Pieces of one fold: to fit on, to choose by, to judge by."""

    train: list[Piece]
    validation: list[Piece]
    test: list[Piece]


def split(
    pieces: list[Piece], fold: int, folds: int, seed: int, choosing: Collection[str]
) -> Split:
    """Split by group; the validation groups depend on fold and seed, as in `validation_split`."""
    fold_of = fold_of_each(pieces, folds)
    tested = [fold_of[piece.dataset, piece.group] == fold for piece in pieces]
    rest = [piece for piece, judges in zip(pieces, tested, strict=True) if not judges]
    test = [piece for piece, judges in zip(pieces, tested, strict=True) if judges]
    return replace(validation_split(rest, folds * seed + fold, choosing), test=test)


def validation_split(pieces: list[Piece], seed: int, choosing: Collection[str]) -> Split:
    """Split into what is fitted to and what a fit is chosen by; nothing judges.

    Only the data sets in `choosing` give pieces for validation; a group of theirs that another set
    shares is not fitted to there either.
    """
    held: set[str] = set()
    for dataset in sorted(choosing):
        own = [piece for piece in pieces if piece.dataset == dataset]
        held |= hold_out(own, _VALIDATION_SHARE, seed, held)
    parts = Split([], [], [])
    for piece in pieces:
        if piece.group not in held:
            parts.train.append(piece)
        elif piece.dataset in choosing:
            parts.validation.append(piece)
    return parts
