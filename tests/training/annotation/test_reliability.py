"""Test split-half reliability of weighting raters."""

import numpy as np
import pytest

from training.annotation.reliability import (
    agreement_markdown,
    compare_label_methods,
    rater_agreement,
)


def test_weighting_helps_if_some_raters_guess(make_ratings):
    plain, *_, weighed = compare_label_methods(make_ratings(8, 8), rounds=4)
    assert plain.kept == weighed.kept == 1.0
    assert min(weighed.within) > max(plain.within)


def test_weighting_gains_nothing_with_consistent_raters(make_ratings):
    plain, *_, weighed = compare_label_methods(make_ratings(12, 0), rounds=4)
    assert weighed.within == pytest.approx(plain.within, abs=0.02)
    assert weighed.between == pytest.approx(plain.between, abs=0.02)


def test_a_stricter_threshold_keeps_fewer(make_ratings):
    _, *ways = compare_label_methods(make_ratings(8, 8), rounds=1)
    shares = [way.kept for way in ways]
    assert shares == sorted(shares)
    assert shares[0] < 1.0


def test_agreement_is_that_of_the_pieces_means(make_ratings):
    table = rater_agreement(make_ratings(10, 0))
    for axis in ("valence", "arousal"):
        assert table[axis]["alpha"] > 0.9
        assert table[axis]["icc_1"] < table[axis]["icc_k"] <= 1.0


def test_pieces_may_have_different_numbers_of_raters(make_ratings):
    mixed = make_ratings(8, 2)[:4] + make_ratings(4, 1)[4:]
    assert all(np.isfinite(way.within).all() for way in compare_label_methods(mixed, rounds=2))


def test_the_report_has_a_row_for_each_weighting(make_ratings):
    ratings = make_ratings(6, 2)
    text = agreement_markdown(ratings, compare_label_methods(ratings, rounds=2))
    assert text.count("weighed |") == 5
    assert "plain mean | 1.00" in text
    assert "nan" not in text
