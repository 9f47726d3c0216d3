"""Test metrics against their closed forms and scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import r2_score, root_mean_squared_error

from training.fitting.label_loss import ccc_per_axis
from training.metrics import (
    agreement,
    bootstrap_interval,
    classification,
    quadrant_accuracy,
    within_piece,
)

series = st.integers(2, 30).flatmap(
    lambda n: st.tuples(*[arrays(float, n, elements=st.floats(-1, 1)) for _ in range(2)])
)


def make_series(seed=0, count=200):
    random = np.random.default_rng(seed)
    labels = random.uniform(-1, 1, count)
    return 0.6 * labels + 0.3 * random.standard_normal(count) + 0.1, labels


def test_identical_series_agree_fully():
    _, labels = make_series()
    same = agreement(labels, labels)
    assert same.ccc == pytest.approx(1.0)
    assert same.r2 == pytest.approx(1.0)
    assert same.r == pytest.approx(1.0)
    assert same.rmse == 0.0


@pytest.mark.parametrize("shift", [0.1, -0.5, 2.0])
def test_a_shift_lowers_concordance_but_not_correlation(shift):
    _, labels = make_series()
    variance = labels.var()
    shifted = agreement(labels + shift, labels)
    assert shifted.ccc == pytest.approx(2 * variance / (2 * variance + shift**2))
    assert shifted.r == pytest.approx(1.0)
    assert shifted.rmse == pytest.approx(abs(shift))


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_wrong_scale_lowers_concordance_but_not_correlation(scale):
    labels = make_series()[1]
    labels -= labels.mean()
    scaled = agreement(scale * labels, labels)
    assert scaled.ccc == pytest.approx(2 * scale / (1 + scale**2))
    assert scaled.r == pytest.approx(1.0)


def test_an_opposite_series_has_concordance_minus_one():
    labels = make_series()[1]
    labels -= labels.mean()
    assert agreement(-labels, labels).ccc == pytest.approx(-1.0)


def test_the_mean_of_the_labels_has_r2_zero():
    _, labels = make_series()
    constant = agreement(np.full_like(labels, labels.mean()), labels)
    assert constant.r2 == pytest.approx(0.0)
    assert constant.ccc == pytest.approx(0.0)
    assert constant.r == 0.0


def test_metrics_equal_those_of_the_libraries():
    estimates, labels = make_series()
    ours = agreement(estimates, labels)
    assert ours.r2 == pytest.approx(r2_score(labels, estimates))
    assert ours.rmse == pytest.approx(root_mean_squared_error(labels, estimates))
    assert ours.r == pytest.approx(np.corrcoef(estimates, labels)[0, 1])
    assert set(ours.as_dict()) == {"ccc", "r2", "rmse", "r"}


def test_the_loss_equals_the_metrics_concordance():
    estimates, labels = make_series()
    columns = [torch.tensor(np.stack([one, one], axis=1)) for one in (estimates, labels)]
    assert ccc_per_axis(*columns).numpy() == pytest.approx(
        agreement(estimates, labels).ccc, abs=1e-5
    )


@given(series)
def test_concordance_is_symmetric_and_never_above_correlation(pair):
    x, y = pair
    one, other = agreement(x, y), agreement(y, x)
    assert one.ccc == pytest.approx(other.ccc, abs=1e-9)
    assert -1.0 - 1e-9 <= one.ccc <= 1.0 + 1e-9
    if one.r != 0.0:
        assert abs(one.ccc) <= abs(one.r) + 1e-6


@given(series)
def test_every_number_is_finite(pair):
    assert all(np.isfinite(value) for value in agreement(*pair).as_dict().values())


def test_within_piece_metrics_ignore_the_level_of_a_piece():
    random = np.random.default_rng(1)
    pairs = []
    for level in (-0.8, 0.0, 0.8):
        labels = level + 0.05 * random.standard_normal(50)
        pairs.append((level - (labels - level), labels))
    pooled = agreement(*(np.concatenate(side) for side in zip(*pairs, strict=True)))
    assert pooled.r > 0.9
    assert within_piece(pairs, "r") == pytest.approx(-1.0)


def test_within_piece_metrics_skip_pieces_with_constant_labels():
    moving = (np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]))
    constant = (np.array([0.0, 1.0, 2.0]), np.zeros(3))
    assert within_piece([moving, constant], "r") == pytest.approx(1.0)
    assert np.isnan(within_piece([constant], "r"))


def test_a_wrong_level_inside_a_piece_lowers_concordance_but_not_correlation():
    labels = np.array([0.0, 0.1, 0.2])
    shifted = [(labels + 0.5, labels)]
    assert within_piece(shifted, "r") == pytest.approx(1.0)
    assert within_piece(shifted, "ccc") == pytest.approx(agreement(*shifted[0]).ccc)
    assert within_piece(shifted, "ccc") < 0.1


def test_only_the_sign_is_scored():
    labels = np.array([-0.9, -0.1, 0.1, 0.9])
    assert classification(0.01 * labels, labels) == {
        "accuracy": 1.0,
        "macro_f1": 1.0,
        "auc": 1.0,
        "majority": 0.5,
    }
    assert classification(-labels, labels)["accuracy"] == 0.0
    assert classification(-labels, labels)["auc"] == 0.0


def test_a_constant_prediction_scores_the_share_of_its_class():
    labels = np.array([0.5, 0.5, 0.5, -0.5])
    judged = classification(np.full(4, 0.2), labels)
    assert judged["accuracy"] == judged["majority"] == 0.75
    assert judged["auc"] == 0.5
    assert judged["macro_f1"] == pytest.approx(0.5 * 2 * 0.75 / 1.75)


def test_a_single_class_has_no_roc_curve():
    judged = classification(np.array([0.1, -0.1]), np.array([0.5, 0.5]))
    assert np.isnan(judged["auc"])
    assert judged["majority"] == 1.0


def test_a_quadrant_is_correct_if_both_signs_are():
    labels = np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5], [0.9, 0.1]])
    one_wrong = labels * [[1, 1], [1, -1], [1, 1], [1, 1], [1, 1]]
    assert quadrant_accuracy(0.1 * labels, labels) == {"accuracy": 1.0, "majority": 0.4}
    assert quadrant_accuracy(one_wrong, labels)["accuracy"] == pytest.approx(0.8)
    assert quadrant_accuracy(-labels, labels)["accuracy"] == 0.0


def interval(count, **options):
    estimates, labels = make_series(count=count)
    names = [str(number) for number in range(count)]
    return bootstrap_interval(
        lambda rows: agreement(estimates[rows], labels[rows]).ccc, names, rounds=300, **options
    )


def test_the_interval_contains_the_estimate_and_narrows_with_more_pieces():
    low, high = interval(60)
    assert low < agreement(*make_series(count=60)).ccc < high
    narrow_low, narrow_high = interval(2000)
    assert narrow_high - narrow_low < high - low


def test_the_interval_is_reproducible():
    assert interval(50) == interval(50)
    assert interval(50) != interval(50, seed=1)


def test_groups_are_resampled_as_units():
    groups = ["a", "b", "b", "c", "c", "c"]

    def whole(rows):
        counts = np.bincount(rows, minlength=6)
        return float(counts[1] == counts[2] and counts[3] == counts[4] == counts[5])

    assert bootstrap_interval(whole, groups, rounds=50) == (1.0, 1.0)


def test_nearly_constant_labels_have_no_r2():
    assert agreement(np.ones(2), np.array([0.0, 1.5e-160])).r2 == 0.0
