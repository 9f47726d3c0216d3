"""What belongs together is never on both sides of a split."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.datasets import Piece
from training.judging.folds import assign_folds, hold_out, split


def collection(sizes, dataset="vgmidi"):
    """Pieces of one data set, so many in each group."""
    label = np.zeros(1)
    return [
        Piece(
            dataset=dataset,
            name=f"{dataset}-{group}-{number}",
            group=f"group{group}",
            source=Path("none"),
            times=label,
            valence=label,
            arousal=label,
        )
        for group, size in enumerate(sizes)
        for number in range(size)
    ]


group_sizes = st.lists(st.integers(1, 20), min_size=5, max_size=40)


@given(group_sizes, st.integers(2, 5))
def test_every_group_has_one_fold_and_no_fold_is_empty(sizes, count):
    folds = assign_folds(collection(sizes), count)
    assert len(folds) == len(sizes)
    assert set(folds.values()) == set(range(count))


@given(group_sizes, st.integers(2, 5))
def test_folds_differ_by_no_more_than_the_largest_group(sizes, count):
    pieces = collection(sizes)
    folds = assign_folds(pieces, count)
    filled = Counter(folds[piece.group] for piece in pieces)
    assert max(filled.values()) - min(filled.values()) <= max(sizes)


@given(group_sizes, st.randoms(use_true_random=False))
def test_the_order_of_pieces_changes_no_fold(sizes, random):
    pieces = collection(sizes)
    mixed = pieces.copy()
    random.shuffle(mixed)
    assert assign_folds(mixed, 5) == assign_folds(pieces, 5)
    assert hold_out(mixed, 0.15, 3) == hold_out(pieces, 0.15, 3)


@given(group_sizes, st.floats(0.05, 0.4), st.integers(0, 100))
def test_held_out_are_whole_groups_about_as_many_as_asked(sizes, share, seed):
    pieces = collection(sizes)
    held = hold_out(pieces, share, seed)
    assert held
    assert held < {piece.group for piece in pieces}
    count = sum(piece.group in held for piece in pieces)
    assert count <= max(share * len(pieces) * 1.25, min(sizes))


def test_equal_groups_give_the_share_that_was_asked_for():
    pieces = collection([1] * 100)
    assert 15 <= len(hold_out(pieces, 0.15, 0)) <= 19


def test_another_seed_holds_out_other_groups():
    pieces = collection([1] * 100)
    assert hold_out(pieces, 0.15, 0) != hold_out(pieces, 0.15, 1)


@given(group_sizes, group_sizes, st.integers(0, 4), st.integers(0, 5))
def test_a_split_never_parts_a_group_and_loses_no_piece(vgmidi, clips, fold, seed):
    pieces = collection(vgmidi) + collection(clips, "musemodataset")
    parts = split(pieces, fold, 5, seed)
    sides = [
        {(piece.dataset, piece.group) for piece in side}
        for side in (parts.train, parts.validation, parts.test)
    ]
    assert all(sides)
    assert sum(map(len, sides)) == len(set.union(*sides))
    names = [piece.name for side in (parts.train, parts.validation, parts.test) for piece in side]
    assert sorted(names) == sorted(piece.name for piece in pieces)


@pytest.mark.parametrize("seed", [0, 7])
def test_over_all_folds_every_piece_is_tested_once(seed):
    pieces = collection([7, 3, 3, 2, 1, 1, 1])
    tested = [piece.name for fold in range(5) for piece in split(pieces, fold, 5, seed).test]
    assert sorted(tested) == sorted(piece.name for piece in pieces)


def test_test_pieces_do_not_depend_on_the_seed():
    pieces = collection([4, 3, 3, 2, 2, 1, 1])
    assert split(pieces, 1, 5, 0).test == split(pieces, 1, 5, 9).test
