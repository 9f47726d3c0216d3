"""Test that the consensus follows the raters who agree."""

import numpy as np
import pytest

from training.annotation.consensus import find_consensus, weighted_mean
from training.datasets.pieces import Ratings

TIMES = np.arange(20.0)
SWING = 0.5 * np.stack([np.sin(TIMES / 3.0), np.cos(TIMES / 3.0)], axis=1)


@pytest.fixture
def make_ratings():
    """Make a piece rated by steady raters with some noise, and by others at random."""

    def make(steady=6, guessing=2, noise=0.05, seed=0):
        random = np.random.default_rng(seed)
        good = SWING + noise * random.standard_normal((steady, len(TIMES), 2))
        bad = random.uniform(-1, 1, (guessing, len(TIMES), 2))
        values = np.concatenate([good, bad])
        return rated(values)

    return make


def rated(values):
    raters = tuple(map(str, range(len(values))))
    times = np.arange(values.shape[1], dtype=float)
    return Ratings(name="song", group="song", raters=raters, times=times, values=values)


@pytest.mark.parametrize("seed", range(5))
def test_raters_who_guess_are_dropped(make_ratings, seed):
    consensus = find_consensus(make_ratings(seed=seed))
    assert consensus.kept.tolist() == [True] * 6 + [False] * 2
    assert np.abs(consensus.mean - SWING).max() < 0.15


def test_an_opposite_rater_has_no_weight(make_ratings):
    values = make_ratings(guessing=1).values
    values[-1] = -SWING
    consensus = find_consensus(rated(values))
    assert consensus.weight[-1] == 0.0
    np.testing.assert_allclose(consensus.weight.sum(), 1.0)


def test_without_a_threshold_all_are_weighted_by_consistency(make_ratings):
    consensus = find_consensus(make_ratings(), threshold=np.inf)
    assert consensus.kept.all()
    assert consensus.weight[:6].min() > 5 * consensus.weight[6:].max()


def test_without_agreement_the_nearest_three_are_kept():
    values = np.random.default_rng(0).uniform(-1, 1, (8, 30, 2))
    consensus = find_consensus(rated(values))
    assert consensus.kept.sum() == 3


def test_the_order_of_raters_does_not_matter(make_ratings):
    ratings = make_ratings()
    order = np.random.default_rng(1).permutation(len(ratings.raters))
    one, other = find_consensus(ratings), find_consensus(rated(ratings.values[order]))
    np.testing.assert_allclose(other.mean, one.mean, atol=1e-12)
    assert (other.kept == one.kept[order]).all()


def test_missing_ratings_are_not_counted_as_zeros(make_ratings):
    values = make_ratings(steady=4, guessing=0, noise=0.0).values
    values[0, :10] = np.nan
    values[:, 15] = np.nan
    consensus = find_consensus(rated(values))
    assert np.isnan(consensus.mean[15]).all()
    rest = np.arange(20) != 15
    np.testing.assert_allclose(consensus.mean[rest], SWING[rest], atol=1e-12)


def test_a_rater_without_ratings_is_never_kept(make_ratings):
    values = make_ratings(steady=3, guessing=0).values
    silent = np.full_like(values[:1], np.nan)
    consensus = find_consensus(rated(np.concatenate([values, silent])))
    assert consensus.kept.tolist() == [True, True, True, False]
    assert consensus.weight[-1] == 0.0


@pytest.mark.parametrize("raters", [1, 2])
def test_all_of_one_or_two_raters_are_kept(raters):
    values = np.random.default_rng(0).uniform(-0.2, 0.2, (raters, 5, 2))
    consensus = find_consensus(rated(values))
    assert np.isfinite(consensus.mean).all()
    assert consensus.weight.sum() == pytest.approx(1.0)


def test_constant_ratings_are_valid():
    consensus = find_consensus(rated(np.full((4, 5, 2), 0.3)))
    assert consensus.kept.all()
    np.testing.assert_allclose(consensus.mean, 0.3)


def test_equal_weights_give_the_plain_mean(make_ratings):
    values = make_ratings().values
    np.testing.assert_allclose(weighted_mean(values, np.ones(8)), values.mean(axis=0))


def test_ratings_of_mismatched_shape_are_refused():
    with pytest.raises(ValueError, match=r"song: ratings have shape \(2, 3, 2\), not \(2, 4, 2\)"):
        Ratings(
            name="song",
            group="song",
            raters=("a", "b"),
            times=np.arange(4.0),
            values=np.zeros((2, 3, 2)),
        )
    with pytest.raises(ValueError, match="not all numbers from -1 to 1"):
        rated(np.full((1, 2, 2), 1.5))
