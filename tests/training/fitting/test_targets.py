"""Targets of a distillation from several teachers."""

import numpy as np
import pytest

from training.fitting import targets
from training.fitting.recipe import DistillRecipe
from training.fitting.targets import FurtherTeachers, load_targets, target_groups
from training.sound.tagger import CLASSES


def recipe(**changes):
    return DistillRecipe(name="student", window_frames=43, pool=["recordings"], **changes)


def test_a_teacher_without_weight_is_left_out(tmp_path):
    assert [one.size for one in target_groups(recipe())] == [200]
    both = target_groups(recipe(affect_loss=0.5, tag_loss=2.0))
    assert [(one.size, one.weight) for one in both] == [(200, 1.0), (6, 0.5), (len(CLASSES), 2.0)]
    assert FurtherTeachers.of(recipe(), [tmp_path]) == (None, None)
    with pytest.raises(ValueError, match="cannot load YAMNet"):
        FurtherTeachers.of(recipe(tag_loss=1.0), [tmp_path])


def test_targets_are_side_by_side(make_piece, make_heads, monkeypatch, tmp_path):
    ends, heads = np.array([3.0, 6.0]), make_heads()
    embeddings = np.random.default_rng(0).normal(size=(2, 200)).astype(np.float32)
    tags = np.ones((2, len(CLASSES)), np.float32)
    monkeypatch.setattr(targets, "load_embeddings", lambda *_: [(ends, embeddings)])
    monkeypatch.setattr(targets, "load_tags", lambda *_: [(ends, tags)])
    teachers = FurtherTeachers(heads, object())
    ((found, values),) = load_targets([(make_piece(), None)], teachers, tmp_path)
    assert found is ends
    assert (values[:, :200] == embeddings).all()
    assert values[:, 200:206] == pytest.approx(heads.predict(embeddings).reshape(2, 6))
    assert (values[:, 206:] == 1.0).all()
