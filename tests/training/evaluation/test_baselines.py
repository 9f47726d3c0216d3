"""Test baselines with published networks, on features with a known relation to labels."""

from dataclasses import replace

import numpy as np
import pytest

from training.evaluation import baselines
from training.evaluation.baselines import Baseline, BaselineFeatures, evaluate_baselines
from training.fitting import regressor
from training.predict import piece_means
from training.sound.published import PublishedModels
from training.sound.renditions import RECORDED
from training.sound.tagger import CLASSES
from training.splits import fold_of_each

ZERO_SHOT, WITH_HEADS = "MusiCNN heads, zero-shot", "MusiCNN + SVR, all sets, with heads"
MOODS = "MusiCNN heads and YAMNet moods, zero-shot"
WITH_MOODS = "MusiCNN + SVR, all sets, with heads and moods"


@pytest.fixture(scope="module")
def pieces(make_piece):
    """Forty pieces of two data sets."""
    random = np.random.default_rng(0)
    return [
        make_piece(
            f"piece{k}",
            dataset=("musemodataset", "previews")[k % 2],
            valence=[random.uniform(-0.8, 0.8)],
            arousal=[random.uniform(-0.8, 0.8)],
        )
        for k in range(40)
    ]


@pytest.fixture(scope="module")
def evaluated(pieces, make_recipe, published, tmp_path_factory):
    """Evaluate the baselines; embedding and happiness are the valence and 0.1."""

    def load(renditions, _cache):
        return [
            (np.array([3.0, 5.0]), np.full((2, 200), piece.valence[0] + 0.1, np.float32))
            for piece, _ in renditions
        ]

    def load_features(_, renditions, cache):
        is_happy = np.array([mood == "happy" for mood in CLASSES])
        return [
            (ends, np.concatenate([values, values[:, :1] * is_happy], axis=1))
            for ends, values in load(renditions, cache)
        ]

    recipe = make_recipe(datasets={"musemodataset": 0.5, "previews": 0.5})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "load_embeddings", load)
        patch.setattr(PublishedModels, "load_features", load_features)
        patch.setattr(regressor, "_GRID", {"svr__C": [1.0]})
        cache = tmp_path_factory.mktemp("cache")
        fold_of = fold_of_each(pieces, 2)
        return evaluate_baselines(recipe, pieces, cache, fold_of, 1, published, joint_only=True)


def test_only_baselines_of_all_sets_are_evaluated(evaluated):
    assert set(evaluated) == {"musemodataset", "previews"}
    for table in evaluated.values():
        assert set(table) == {"MusiCNN + SVR, all sets", ZERO_SHOT, WITH_HEADS, MOODS, WITH_MOODS}


def test_heads_alone_know_no_labels(evaluated):
    predictions, labels = piece_means(evaluated["previews"][ZERO_SHOT])
    assert len(labels) == 20
    np.testing.assert_allclose(predictions[:, 0], labels[:, 0] + 0.1, atol=1e-6)
    np.testing.assert_allclose(predictions[:, 1], 0.0, atol=1e-6)


@pytest.mark.parametrize("name", [WITH_HEADS, MOODS, WITH_MOODS])
def test_published_networks_are_in_the_scale_of_the_labels(evaluated, name):
    predictions, labels = piece_means(evaluated["previews"][name])
    assert np.corrcoef(predictions[:, 0], labels[:, 0])[0, 1] > 0.95
    assert abs(np.mean(predictions[:, 0] - labels[:, 0])) < 0.1


def test_heads_are_left_out_for_data_sets_that_they_know(
    pieces, make_recipe, published, tmp_path, monkeypatch
):
    monkeypatch.setattr(baselines, "BASELINES", ())
    recipe = make_recipe(datasets={"deam": 0.5, "previews": 0.5})
    fold_of = fold_of_each(pieces, 2)
    assert evaluate_baselines(recipe, pieces, tmp_path, fold_of, 1, published) == {}


def test_no_group_of_the_test_side_is_trained_on_in_any_data_set(make_piece, make_recipe):
    fitted_to = []

    def regress(train, labels, groups, test):
        fitted_to.append(set(groups))
        return np.zeros((len(test), 2))

    joint = Baseline("recorder", lambda *_: [], regress, joint=True)
    song = make_piece("song", group="shared")
    pieces = [
        song,
        replace(song, dataset="previews"),
        make_piece("other", dataset="previews"),
        make_piece("own", dataset="own"),
    ]
    features = [BaselineFeatures((one, RECORDED), np.zeros(1), np.zeros((1, 3))) for one in pieces]
    fold_of = {(one.dataset, one.group): k for k, one in enumerate(pieces)}
    baselines._predict_fold((joint, features, fold_of, 0, {"own"}))
    assert fitted_to == [{"other"}]


def test_heads_are_left_out_where_they_are_missing(pieces, make_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "BASELINES", ())
    recipe = make_recipe(datasets={"musemodataset": 0.5, "previews": 0.5})
    assert evaluate_baselines(recipe, pieces, tmp_path, fold_of_each(pieces, 2), 1) == {}
