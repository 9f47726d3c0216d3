"""Test what published networks know of valence and arousal, on features with known moods."""

import numpy as np
import pytest

from training.sound import published as module
from training.sound.published import PublishedAffect, PublishedModels, find_published_models
from training.sound.tagger import CLASSES


def features(**moods):
    """Make features of 30 windows: the embedding is 0, a mood's log-odds are given for each."""
    values = np.zeros((30, 200 + len(CLASSES)))
    for mood, log_odds in moods.items():
        values[:, 200 + [*CLASSES].index(mood)] = log_odds
    return values


@pytest.mark.parametrize(
    ("mood", "sign"),
    [("happy", 1), ("tender", 1), ("sad", -1), ("angry", -1), ("scary", -1), ("exciting", 0)],
)
def test_moods_raise_or_lower_valence(make_heads, mood, sign):
    ramp = np.linspace(-3.0, 3.0, 30)
    of_mood = features(**{mood: ramp})
    found = PublishedAffect(make_heads(), moods=True).fit(of_mood).predict(of_mood)
    assert np.corrcoef(found[:, 0] + 1e-9 * ramp[::-1], ramp)[0, 1] == pytest.approx(sign or -1)
    assert (np.ptp(found[:, 0]) > 1.0) == (sign != 0)
    assert not found[:, 1].any()


def test_heads_and_moods_weigh_the_same(make_heads):
    ramp, wave = np.linspace(-1.0, 1.0, 30), np.cos(np.arange(30.0))
    both = features(happy=5.0 * ramp)
    both[:, :200] = 0.1 * wave[:, None]
    found = PublishedAffect(make_heads(), moods=True).fit(both).predict(both)[:, 0]
    expected = ramp / ramp.std() + (wave - wave.mean()) / wave.std()
    np.testing.assert_allclose(found, expected / 2, atol=1e-6)


def test_features_are_the_embedding_and_then_the_classes(published, monkeypatch, tmp_path):
    ends = np.array([3.0, 6.0])
    embedding, tags = np.ones((2, 200), np.float32), np.zeros((2, len(CLASSES)), np.float32)
    monkeypatch.setattr(module, "load_embeddings", lambda *_: [(ends, embedding)])
    monkeypatch.setattr(module, "load_tags", lambda *_: [(ends, tags)])
    ((found_ends, both),) = published.load_features([None], tmp_path)
    assert found_ends is ends
    assert both.shape == (2, 200 + len(CLASSES))
    assert both[:, :200].all()
    ((_, alone),) = PublishedModels(published.heads).load_features([None], tmp_path)
    assert alone.shape == (2, 200)


def test_networks_are_required_or_not(tmp_path):
    assert find_published_models([tmp_path], required=False) is None
    with pytest.raises(ValueError, match="cannot load the valence and arousal heads"):
        find_published_models([tmp_path], required=True)
