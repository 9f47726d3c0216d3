"""Test agreement statistics against published examples and their bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.annotation.agreement import (
    intraclass_correlation,
    krippendorff_alpha,
    spearman_brown,
    split_half,
)

NAN = float("nan")
# Krippendorff, "Computing Krippendorff's alpha-reliability", 2011, section D: four observers.
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
# Shrout and Fleiss, "Intraclass correlations", 1979, table 2: four judges of six targets.
JUDGES = np.array([[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]])


def test_alpha_of_krippendorffs_example():
    assert krippendorff_alpha(OBSERVERS) == pytest.approx(0.849, abs=5e-4)


def test_intraclass_correlations_of_shrout_and_fleiss():
    single, mean = intraclass_correlation(JUDGES.astype(float))
    assert single == pytest.approx(0.17, abs=5e-3)
    assert mean == pytest.approx(0.44, abs=5e-3)


ratings = arrays(
    np.float64, st.tuples(st.integers(2, 6), st.integers(2, 9)), elements=st.floats(-1, 1)
)


@given(ratings, st.floats(0.1, 10.0), st.floats(-5.0, 5.0))
def test_no_statistic_depends_on_scale_or_offset(values, scale, offset):
    if values.std() < 1e-3:
        return
    moved = scale * values + offset
    assert krippendorff_alpha(moved) == pytest.approx(krippendorff_alpha(values), abs=1e-6)
    assert intraclass_correlation(moved)[0] == pytest.approx(
        intraclass_correlation(values)[0], abs=1e-6
    )


@given(ratings)
def test_no_statistic_exceeds_one(values):
    for value in (krippendorff_alpha(values), *intraclass_correlation(values)):
        assert np.isnan(value) or value <= 1.0 + 1e-9


@given(arrays(np.float64, 7, elements=st.floats(-1, 1)), st.integers(2, 5))
def test_identical_ratings_agree_fully(truth, raters):
    if truth.std() < 1e-3:
        return
    same = np.tile(truth, (raters, 1))
    assert krippendorff_alpha(same) == pytest.approx(1.0)
    assert intraclass_correlation(same) == pytest.approx((1.0, 1.0))
    assert split_half(same, np.random.default_rng(0), 3) == pytest.approx(1.0)


def test_raters_who_guess_do_not_agree():
    values = np.random.default_rng(0).standard_normal((20, 200))
    assert krippendorff_alpha(values) == pytest.approx(0.0, abs=0.02)
    assert intraclass_correlation(values)[0] == pytest.approx(0.0, abs=0.02)
    assert split_half(values, np.random.default_rng(0), 20) == pytest.approx(0.0, abs=0.1)


def test_the_mean_of_many_raters_is_as_reliable_as_spearman_brown_predicts():
    random = np.random.default_rng(0)
    values = random.standard_normal(400) + 2.0 * random.standard_normal((12, 400))
    single, mean = intraclass_correlation(values)
    assert single == pytest.approx(0.2, abs=0.03)
    assert mean == pytest.approx(spearman_brown(single, 12), abs=1e-6)
    half = split_half(values, random, 20)
    assert spearman_brown(half) == pytest.approx(mean, abs=0.03)


@pytest.mark.parametrize(
    "values",
    [
        np.empty((0, 3)),
        np.ones((1, 3)),
        np.full((3, 3), 0.5),
        np.full((3, 3), NAN),
        np.array([[0.1], [0.9]]),
        np.array([[0.1, NAN], [NAN, 0.9]]),
    ],
    ids=["nobody", "one rater", "constant", "silent", "one unit", "no unit rated twice"],
)
def test_undefined_agreement_is_nan(values):
    assert np.isnan(split_half(values, np.random.default_rng(0), 3))
    assert all(np.isnan(value) for value in intraclass_correlation(values))
    if values.shape[1] > 1:
        assert np.isnan(krippendorff_alpha(values))
