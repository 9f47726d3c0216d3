"""Test which renditions a recipe uses, and how the teacher labels them."""

from dataclasses import replace

import numpy as np
import pytest

from training.fitting.recipe import LABELLED_BY_TEACHER, DistillRecipe
from training.fitting.recipe_tables import TeacherLabels
from training.fitting.selection import (
    distillation_sides,
    embedded_renditions,
    every_rendition,
    teacher_labelled_renditions,
    training_renditions,
)
from training.fitting.teacher_labels import with_labels
from training.sound.render import Rendering


@pytest.fixture
def pieces(make_piece):
    return [
        make_piece("rated"),
        make_piece("song", dataset="recordings", times=[], valence=[], arousal=[]),
    ]


def test_a_window_is_labelled_at_its_end(make_rendition):
    rendition = make_rendition("song", dataset="recordings")
    ends = np.array([3.0, 5.0, 7.0])
    labelled = with_labels(rendition, ends, np.array([[-0.5, 0.0], [0.0, 0.0], [0.5, 2.0]]))
    assert labelled.piece.dataset == LABELLED_BY_TEACHER
    assert labelled.frames is rendition.frames
    labels = labelled.labels_at(np.array([3.0, 6.0]))
    np.testing.assert_allclose(labels, [[-0.5, 0.0], [0.25, 0.5]], atol=1e-6)


def test_labels_of_a_faster_rendition_are_read_at_its_own_time(make_rendition):
    faster = replace(make_rendition("song", dataset="recordings"), rendering=Rendering(speed=1.25))
    labelled = with_labels(faster, np.array([3.0, 5.0]), np.array([[-0.5, 0.0], [0.5, 0.0]]))
    np.testing.assert_allclose(labelled.labels_at(np.array([4.0])), [[0.0, 0.0]], atol=1e-6)


def test_labelled_music_and_music_that_the_teacher_labels_is_embedded(make_recipe, pieces):
    plain = make_recipe()
    recipe = make_recipe(teacher_labels=TeacherLabels(pool=["recordings"]))
    assert embedded_renditions(plain, pieces) == []
    assert {piece.name for piece, _ in embedded_renditions(recipe, pieces)} == {"rated", "song"}
    (taught,) = teacher_labelled_renditions(recipe, pieces)
    assert taught[0].name == "song"
    assert taught in every_rendition(recipe, pieces)
    assert taught not in training_renditions(recipe, pieces)


def test_mixes_have_no_recording_that_is_held_out(make_piece):
    songs = [make_piece(f"song{k}", dataset="recordings") for k in range(6)]
    recipe = DistillRecipe(name="student", window_frames=43, pool=["recordings"], mixes=40)
    held_out = {("recordings", "song0"), ("recordings", "song3")}
    sides = distillation_sides(songs, recipe, held_out)
    training, validation = ([piece for piece, _ in side] for side in sides)
    assert {piece.name for piece in validation} == {"song0", "song3"}
    mixes = [piece for piece in training if piece.mixed_with]
    assert 5 < len(mixes) < 40
    names = {piece.group for piece in mixes} | {piece.mixed_with.group for piece in mixes}
    assert names == {"song1", "song2", "song4", "song5"}


def test_unlabelled_pieces_are_cut_to_excerpts(make_piece):
    songs = [make_piece("long", dataset="recordings"), make_piece("seen", dataset="unlabelled")]
    songs.append(make_piece("segment", dataset="recordings", start=20.0, end=40.0))
    recipe = DistillRecipe(
        name="student", window_frames=43, pool=["recordings"], unseen=["unlabelled"],
        excerpt_seconds={"recordings": 30.0, "unlabelled": 10.0},
    )  # fmt: skip
    ends = {piece.name: piece.end for piece, _ in every_rendition(recipe, songs)}
    assert ends == {"long": 30.0, "segment": 40.0, "seen": None}


def test_auxiliary_pieces_are_cut_to_excerpts_and_others_are_not(make_piece, make_recipe):
    songs = [make_piece("rated"), make_piece("sorted", dataset="previews")]
    recipe = make_recipe(
        datasets={"musemodataset": 0.5},
        auxiliary={"previews": 0.5},
        excerpt_seconds={"previews": 20.0, "musemodataset": 10.0},
    )
    ends = {piece.name: piece.end for piece, _ in training_renditions(recipe, songs)}
    assert ends == {"rated": None, "sorted": 20.0}


def test_distillation_needs_the_teacher_for_everything(pieces):
    recipe = DistillRecipe(
        name="student", window_frames=43, pool=["musemodataset", "recordings"],
        renderings=[Rendering(speed=0.9)],
    )  # fmt: skip
    needed = embedded_renditions(recipe, pieces)
    assert needed == every_rendition(recipe, pieces)
    assert len(needed) == 4
