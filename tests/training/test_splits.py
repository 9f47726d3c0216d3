"""Test splits: pieces of one group are never on both sides."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.datasets import Piece
from training.splits import fold_of_each, hold_out, leave_out, split, validation_split

SETS = ["vgmidi", "musemodataset"]


def collection(sizes, dataset="vgmidi", name="group"):
    """Return the pieces of one data set, with the given number in each group."""
    label = np.zeros(1)
    return [
        Piece(
            dataset=dataset,
            name=f"{dataset}-{group}-{number}",
            group=f"{name}{group}",
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
    folds = fold_of_each(collection(sizes), count)
    assert len(folds) == len(sizes)
    assert set(folds.values()) == set(range(count))


@given(group_sizes, st.integers(2, 5))
def test_folds_differ_by_no_more_than_the_largest_group(sizes, count):
    pieces = collection(sizes)
    folds = fold_of_each(pieces, count)
    sizes_of_folds = Counter(folds[piece.dataset, piece.group] for piece in pieces)
    assert max(sizes_of_folds.values()) - min(sizes_of_folds.values()) <= max(sizes)


@given(group_sizes, st.randoms(use_true_random=False))
def test_the_order_of_pieces_changes_no_fold(sizes, random):
    pieces = collection(sizes)
    shuffled = pieces.copy()
    random.shuffle(shuffled)
    assert fold_of_each(shuffled, 5) == fold_of_each(pieces, 5)
    assert hold_out(shuffled, 0.15, 3) == hold_out(pieces, 0.15, 3)


@given(group_sizes, st.floats(0.05, 0.4), st.integers(0, 100))
def test_whole_groups_of_about_the_share_are_held_out(sizes, share, seed):
    pieces = collection(sizes)
    held_out = hold_out(pieces, share, seed)
    assert held_out
    assert held_out < {piece.group for piece in pieces}
    count = sum(piece.group in held_out for piece in pieces)
    assert count <= max(share * len(pieces) * 1.25, min(sizes))


def test_equal_groups_give_the_requested_share():
    pieces = collection([1] * 100)
    assert 15 <= len(hold_out(pieces, 0.15, 0)) <= 19


def test_another_seed_holds_out_other_groups():
    pieces = collection([1] * 100)
    assert hold_out(pieces, 0.15, 0) != hold_out(pieces, 0.15, 1)


@given(group_sizes, group_sizes, st.integers(0, 4), st.integers(0, 5))
def test_a_split_keeps_groups_together_and_loses_no_piece(vgmidi, clips, fold, seed):
    pieces = collection(vgmidi) + collection(clips, "musemodataset", "clip")
    parts = split(pieces, fold, 5, seed, SETS)
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
    tested = [
        piece.name for fold in range(5) for piece in split(pieces, fold, 5, seed, SETS[:1]).test
    ]
    assert sorted(tested) == sorted(piece.name for piece in pieces)


def test_test_pieces_do_not_depend_on_the_seed():
    pieces = collection([4, 3, 3, 2, 2, 1, 1])
    assert split(pieces, 1, 5, 0, SETS[:1]).test == split(pieces, 1, 5, 9, SETS[:1]).test


@given(group_sizes, group_sizes)
def test_a_group_that_two_sets_share_has_one_fold(vgmidi, clips):
    folds = fold_of_each(collection(vgmidi) + collection(clips, "musemodataset"), 5)
    assert len(folds) == len(vgmidi) + len(clips)
    for group in range(min(len(vgmidi), len(clips))):
        assert folds["vgmidi", f"group{group}"] == folds["musemodataset", f"group{group}"]


def test_groups_held_out_in_one_set_are_held_out_in_the_other():
    pieces = collection([1] * 40)
    held_out = hold_out(pieces, 0.15, 0, required={"group3", "group7", "of another set"})
    assert {"group3", "group7"} < held_out
    assert "of another set" not in held_out
    assert 4 <= len(held_out) <= 7


@given(group_sizes, group_sizes, st.integers(0, 4), st.integers(0, 5))
def test_a_group_that_two_sets_share_is_on_one_side(vgmidi, clips, fold, seed):
    pieces = collection(vgmidi) + collection(clips, "musemodataset")
    parts = split(pieces, fold, 5, seed, SETS)
    sides = [{piece.group for piece in side} for side in (parts.train, parts.validation)]
    tested = {piece.group for piece in parts.test}
    assert not sides[0] & sides[1]
    assert not tested & (sides[0] | sides[1])
    assert len(parts.train) + len(parts.validation) + len(parts.test) == len(pieces)


@given(group_sizes, group_sizes, st.integers(0, 4), st.integers(0, 5))
def test_other_sets_give_no_validation_pieces_and_train_on_no_held_out_group(
    vgmidi, extra, fold, seed
):
    pieces = collection(vgmidi) + collection(extra, "extra")
    parts = split(pieces, fold, 5, seed, SETS[:1])
    assert {piece.dataset for piece in parts.validation} == {"vgmidi"}
    held_out = {piece.group for piece in parts.validation}
    assert not held_out & {piece.group for piece in parts.train}


@pytest.mark.parametrize("seed", range(3))
def test_a_validation_split_has_no_test_pieces_and_uses_every_piece(seed):
    songs, extra = collection([3] * 9), collection([2] * 9, dataset="extra")
    parts = validation_split(songs + extra, seed, ["vgmidi"])
    assert parts.test == []
    assert {piece.dataset for piece in parts.validation} == {"vgmidi"}
    assert sum(piece.dataset == "vgmidi" for piece in parts.train + parts.validation) == 27
    assert not {one.group for one in parts.train} & {one.group for one in parts.validation}


def test_small_sets_hold_out_different_pieces_for_different_seeds():
    songs = collection([1] * 4)
    held_out = {validation_split(songs, seed, ["vgmidi"]).validation[0].name for seed in range(12)}
    assert len(held_out) > 2


def test_a_single_group_cannot_be_split():
    with pytest.raises(ValueError, match="vgmidi: it has too few groups"):
        validation_split(collection([5]), 0, ["vgmidi"])


def test_a_data_set_left_out_is_the_test_side_and_shares_no_group():
    own, other = collection([2] * 9), collection([3] * 5, "musemodataset")
    far = collection([1] * 9, "extra", "song")
    parts = leave_out([*own, *other, *far], "musemodataset", 0, ["vgmidi"])
    assert parts.test == other
    rest = [*parts.train, *parts.validation]
    assert {piece.dataset for piece in rest} == {"vgmidi", "extra"}
    assert not {piece.group for piece in rest} & {piece.group for piece in other}
    assert {piece.dataset for piece in parts.validation} == {"vgmidi"}
