"""Test which renditions a recipe uses, and how heads label them."""

import numpy as np
import pytest

from training.fitting.recipe import LABELLED_BY_HEADS, DistillRecipe, HeadLabels
from training.fitting.selection import (
    embedded_renditions,
    every_rendition,
    label_by_heads,
    training_renditions,
)
from training.sound.render import Rendering


@pytest.fixture
def pieces(make_piece):
    return [
        make_piece("rated"),
        make_piece("song", dataset="recordings", times=[], valence=[], arousal=[]),
    ]


def test_heads_label_each_window_at_its_end(make_rendition, make_heads):
    rendition = make_rendition("song", dataset="recordings")
    ends = np.array([3.0, 5.0, 7.0])
    embeddings = np.outer([-0.5, 0.0, 0.5], np.ones(200)).astype(np.float32)
    labelled = label_by_heads(rendition, ends, embeddings, make_heads())
    assert labelled.piece.dataset == LABELLED_BY_HEADS
    assert labelled.frames is rendition.frames
    labels = labelled.labels_at(np.array([3.0, 6.0]))
    np.testing.assert_allclose(labels, [[-0.5, 0.0], [0.25, 0.0]], atol=1e-6)


def test_labels_of_a_faster_rendition_are_read_at_its_own_time(make_rendition, make_heads):
    faster = make_rendition("song", dataset="recordings")
    faster = faster.__class__(faster.piece, Rendering(speed=1.25), faster.frames)
    embeddings = np.outer([-0.5, 0.5], np.ones(200)).astype(np.float32)
    labelled = label_by_heads(faster, np.array([3.0, 5.0]), embeddings, make_heads())
    np.testing.assert_allclose(labelled.labels_at(np.array([4.0])), [[0.0, 0.0]], atol=1e-6)


def test_the_teacher_is_needed_for_the_music_that_heads_label_only(make_recipe, pieces):
    plain = make_recipe()
    taught = make_recipe(head_labels=HeadLabels(pool=["recordings"]))
    assert embedded_renditions(plain, pieces) == []
    (needed,) = embedded_renditions(taught, pieces)
    assert needed[0].name == "song"
    assert needed in every_rendition(taught, pieces)
    assert needed not in training_renditions(taught, pieces)


def test_distillation_needs_the_teacher_for_everything(pieces):
    recipe = DistillRecipe(
        name="student", window_frames=43, pool=["musemodataset", "recordings"],
        renderings=[Rendering(speed=0.9)],
    )  # fmt: skip
    needed = embedded_renditions(recipe, pieces)
    assert needed == every_rendition(recipe, pieces)
    assert len(needed) == 4
