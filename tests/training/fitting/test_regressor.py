"""Test the regressor on MusiCNN's embedding, on features with a known relation to labels."""

import numpy as np
import pytest

from training.fitting.regressor import MusicnnRegressor, PublishedInLabelScale
from training.sound.published import PublishedAffect


@pytest.fixture(scope="module")
def data():
    """Embeddings whose mean is valence and whose first number is arousal; labels; groups."""
    random = np.random.default_rng(0)
    labels = random.uniform(-0.6, 0.6, (60, 2))
    embeddings = np.repeat(labels[:, :1], 200, axis=1) + random.normal(0.0, 0.02, (60, 200))
    embeddings[:, 0] = labels[:, 1]
    return embeddings, labels, np.array([f"group{k // 3}" for k in range(60)])


@pytest.fixture
def heads(make_heads):
    return PublishedAffect(make_heads(), moods=False)


def test_published_networks_get_the_mean_and_scale_of_the_labels(data, heads):
    embeddings, labels, _ = data
    found = PublishedInLabelScale(heads).fit(embeddings, labels).predict(embeddings)
    assert found.mean(axis=0) == pytest.approx(labels.mean(axis=0))
    assert found[:, 0].std() == pytest.approx(labels[:, 0].std())
    assert np.corrcoef(found[:, 0], labels[:, 0])[0, 1] > 0.99


def test_published_networks_do_not_know_which_label_is_whose(data, heads):
    embeddings, labels, _ = data
    one, other = (
        PublishedInLabelScale(heads).fit(embeddings, paired).predict(embeddings)
        for paired in (labels, labels[::-1])
    )
    np.testing.assert_allclose(one, other)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_weight_is_that_of_the_published_networks(data, heads, weight):
    embeddings, labels, groups = data
    regressor = MusicnnRegressor(heads, weight).fit(embeddings, labels, groups)
    error = np.abs(regressor.predict(embeddings) - labels).mean(axis=0)
    assert error[0] < 0.15
    assert (error[1] < 0.15) == (weight < 1.0)  # the heads know no arousal
