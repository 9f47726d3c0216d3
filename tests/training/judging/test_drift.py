"""Style and track are read from embeddings that hold them, and from no others."""

import numpy as np
import pytest

from training.judging.drift import measure_drift

STYLES, TRACKS, WINDOWS, WIDTH = 3, 5, 8, 6


@pytest.fixture
def make_embeddings():
    """Make windows of tracks of styles, with so much of either in their embeddings."""

    def make(of_style, of_track, seed=0):
        random = np.random.default_rng(seed)
        style = np.repeat(np.arange(STYLES), TRACKS * WINDOWS)
        track = np.repeat(np.arange(STYLES * TRACKS), WINDOWS)
        embedding = random.standard_normal((len(style), WIDTH))
        embedding += of_style * random.standard_normal((STYLES, WIDTH))[style]
        embedding += of_track * random.standard_normal((STYLES * TRACKS, WIDTH))[track]
        return embedding, style.astype(str), track.astype(str)

    return make


def test_from_noise_nothing_is_read(make_embeddings):
    drift = measure_drift(*make_embeddings(0.0, 0.0))
    assert drift.style == pytest.approx(drift.style_majority, abs=0.12)
    assert drift.track < 0.2


def test_a_style_that_is_there_is_read(make_embeddings):
    drift = measure_drift(*make_embeddings(4.0, 0.0))
    assert drift.style > 0.9
    assert drift.style_interval[0] <= drift.style <= drift.style_interval[1]


def test_a_track_that_is_there_is_found_but_says_nothing_of_style(make_embeddings):
    drift = measure_drift(*make_embeddings(0.0, 4.0))
    assert drift.track > 0.9
    assert drift.style < 0.6
    assert drift.track_interval[0] <= drift.track <= drift.track_interval[1]


def test_styles_of_one_track_are_left_out(make_embeddings):
    embedding, style, track = make_embeddings(4.0, 0.0)
    odd = np.append(style, "odd"), np.append(track, "alone")
    drift = measure_drift(np.append(embedding, embedding[:1], axis=0), *odd)
    assert drift.style > 0.9


def test_one_style_alone_is_told(make_embeddings):
    embedding, style, track = make_embeddings(1.0, 1.0)
    with pytest.raises(ValueError, match="too few styles"):
        measure_drift(embedding, np.full_like(style, "one"), track)


def test_constant_embeddings_are_no_reason_for_nan(make_embeddings):
    embedding, style, track = make_embeddings(1.0, 1.0)
    drift = measure_drift(np.zeros_like(embedding), style, track)
    assert np.isfinite([drift.style, drift.track]).all()
