"""Test labels by the teacher in a fit: of training music only, averaged over time."""

import numpy as np
import pytest

from training.fitting.recipe import LABELLED_BY_TEACHER
from training.fitting.recipe_tables import TeacherLabels
from training.fitting.regressor import MusicnnRegressor
from training.fitting.selection import load_fit_data
from training.sound.published import PublishedModels
from training.splits import split

SETS = ("musemodataset", "recordings")


@pytest.fixture
def recipe(make_recipe):
    return make_recipe(teacher_labels=TeacherLabels(pool=["recordings"]))


@pytest.fixture
def pieces(tmp_path, make_piece, make_audio, write_wave):
    """Twelve clips; song k of either data set is in group k."""
    source = write_wave(tmp_path / "clip.wav", make_audio(0.0, 0.0, seconds=1.0))
    return [
        make_piece(f"{dataset}{k}", dataset=dataset, group=f"song{k}", source=source)
        for dataset in SETS
        for k in range(6)
    ]


@pytest.fixture
def fitted_to(monkeypatch):
    """Groups that the regressor is fitted to; a window's valence is the mean of its features."""
    groups = []

    def load(_, renditions, _cache):
        ends = np.array([3.0, 5.0])
        return [(ends, np.repeat([[0.2], [0.6]], 213, axis=1)) for _ in renditions]

    def fit(self, _features, _labels, own):
        groups.extend(own)
        return self

    def predict(_, features):
        return np.repeat(features.mean(axis=1, keepdims=True), 2, axis=1)

    monkeypatch.setattr(PublishedModels, "load_features", load)
    monkeypatch.setattr(MusicnnRegressor, "fit", fit)
    monkeypatch.setattr(MusicnnRegressor, "predict", predict)
    return groups


@pytest.mark.parametrize("fold", [0, 1])
def test_no_group_of_another_side_teaches_or_is_labelled(
    recipe, pieces, published, tmp_path, fitted_to, fold
):
    parts = split(pieces, fold, 2, 0, recipe.datasets)
    training = {piece.group for piece in parts.train}
    assert not training & {piece.group for piece in (*parts.validation, *parts.test)}
    data = load_fit_data(parts, pieces, recipe, tmp_path / "cache", published)
    assert set(fitted_to) == training
    labelled = [one.piece for one in data.training if one.piece.dataset == LABELLED_BY_TEACHER]
    assert {piece.group for piece in labelled} == training


@pytest.mark.usefixtures("fitted_to")
def test_labels_are_averaged_over_neighbouring_windows(recipe, pieces, published, tmp_path):
    parts = split(pieces, 0, 2, 0, recipe.datasets)
    data = load_fit_data(parts, pieces, recipe, tmp_path / "cache", published)
    piece = data.training[-1].piece
    assert list(piece.times) == [3.0, 5.0]
    assert piece.valence == pytest.approx([0.2 + 2 * 0.4 / 5, 0.2 + 3 * 0.4 / 5])


def test_a_recipe_with_teacher_labels_needs_published_networks(
    recipe, pieces, make_heads, tmp_path
):
    parts = split(pieces, 0, 2, 0, recipe.datasets)
    for found in (None, PublishedModels(make_heads())):
        with pytest.raises(ValueError, match="`teacher_labels` need published networks"):
            load_fit_data(parts, pieces, recipe, tmp_path, found)
