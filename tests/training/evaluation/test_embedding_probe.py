"""Test probes that classify style and track from embeddings."""

import numpy as np
import pytest

from training.evaluation.embedding_probe import probe_embeddings

STYLES, TRACKS, WINDOWS, WIDTH = 3, 5, 8, 6


@pytest.fixture
def make_embeddings():
    """Make embeddings of windows with given amounts of style and track information."""

    def make(style_scale, track_scale, seed=0):
        random = np.random.default_rng(seed)
        style = np.repeat(np.arange(STYLES), TRACKS * WINDOWS)
        track = np.repeat(np.arange(STYLES * TRACKS), WINDOWS)
        embedding = random.standard_normal((len(style), WIDTH))
        embedding += style_scale * random.standard_normal((STYLES, WIDTH))[style]
        embedding += track_scale * random.standard_normal((STYLES * TRACKS, WIDTH))[track]
        return embedding, style.astype(str), track.astype(str)

    return make


def mean_accuracies(readings):
    return [np.nanmean(values) for values in readings]


def test_probes_of_noise_are_at_chance(make_embeddings):
    style, commonest, track = mean_accuracies(probe_embeddings(*make_embeddings(0.0, 0.0)))
    assert style == pytest.approx(commonest, abs=0.12)
    assert track < 0.2


def test_a_style_in_the_embedding_is_classified(make_embeddings):
    style, commonest, _ = mean_accuracies(probe_embeddings(*make_embeddings(4.0, 0.0)))
    assert style > 0.9
    assert commonest == pytest.approx(1 / STYLES)


def test_a_track_in_the_embedding_is_classified_without_style(make_embeddings):
    style, _, track = mean_accuracies(probe_embeddings(*make_embeddings(0.0, 4.0)))
    assert track > 0.9
    assert style < 0.6


def test_styles_of_one_track_are_not_probed(make_embeddings):
    embedding, style, track = make_embeddings(4.0, 0.0)
    odd = np.append(style, "odd"), np.append(track, "alone")
    readings = probe_embeddings(np.append(embedding, embedding[:1], axis=0), *odd)
    assert np.isnan(readings.style).tolist() == [False] * len(style) + [True]
    assert np.nanmean(readings.style) > 0.9


def test_one_style_alone_raises(make_embeddings):
    embedding, style, track = make_embeddings(1.0, 1.0)
    with pytest.raises(ValueError, match="fewer than two styles"):
        probe_embeddings(embedding, np.full_like(style, "one"), track)


def test_constant_embeddings_give_finite_results(make_embeddings):
    embedding, style, track = make_embeddings(1.0, 1.0)
    readings = probe_embeddings(np.zeros_like(embedding), style, track)
    assert np.isfinite(readings).all()
