"""Test PCL: pseudo labels equal their equations, uncertain windows are rejected."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from damer.nn.pcl import (
    PCLSettings,
    PseudoLabels,
    cell_centres,
    cell_distribution,
    diagnose,
    jensen_shannon,
    pseudo_label_loss,
    pseudo_labels,
    temperature_at,
    weight_at,
)

QUADRANTS = PCLSettings()
seeds = st.integers(0, 2**32 - 1)


def random_distributions(seed, count=3, windows=5, cells=4):
    values = np.random.default_rng(seed).dirichlet(np.full(cells, 0.5), (count, windows))
    return torch.from_numpy(values)


def test_quadrant_centres_are_at_half():
    centres = {tuple(point) for point in cell_centres(2).tolist()}
    assert centres == {(-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5)}


@pytest.mark.parametrize("cells", [2, 3, 8])
def test_cells_tile_the_plane(cells):
    centres = cell_centres(cells)
    assert centres.shape == (cells**2, 2)
    torch.testing.assert_close(centres.mean(dim=0), torch.zeros(2))
    assert centres.abs().max() == pytest.approx(1.0 - 1.0 / cells)


@given(seeds, st.floats(0.05, 2.0))
def test_the_cell_distribution_equals_its_equation(seed, temperature):
    points = np.random.default_rng(seed).uniform(-1, 1, (4, 2))
    centres = cell_centres(3).double()
    ours = cell_distribution(torch.from_numpy(points), centres, temperature)
    apart = ((points[:, None] - centres.numpy()[None]) ** 2).sum(axis=2)
    expected = np.exp(-apart / temperature)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours, expected, atol=1e-9)


@given(seeds)
def test_the_divergence_is_in_range_and_symmetric(seed):
    each = random_distributions(seed)
    divergence = jensen_shannon(each)
    assert divergence.shape == (5,)
    assert (divergence >= 0).all()
    assert (divergence <= 1).all()
    torch.testing.assert_close(divergence, jensen_shannon(each.flip(0)))


@given(seeds)
def test_the_divergence_of_two_equals_that_of_scipy(seed):
    one, other = random_distributions(seed, count=2, windows=1)[:, 0]
    ours = float(jensen_shannon(torch.stack([one, other])))
    assert ours == pytest.approx(jensenshannon(one, other, base=2) ** 2, abs=1e-9)


def test_the_divergence_is_zero_for_equal_and_one_for_disjoint_distributions():
    same = random_distributions(0, count=1).repeat(3, 1, 1)
    torch.testing.assert_close(jensen_shannon(same), torch.zeros(5, dtype=torch.float64))
    apart = torch.eye(3)[:, None]  # three heads, each certain of a different cell
    torch.testing.assert_close(jensen_shannon(apart), torch.ones(1))


def test_a_single_head_always_agrees():
    labels = pseudo_labels(torch.full((1, 3, 2), 0.9), 1.0, QUADRANTS)
    assert labels.agreement.tolist() == [1.0] * 3


def test_the_temperature_falls():
    settings = PCLSettings(first_temperature=2.0, last_temperature=0.1)
    assert temperature_at(0.0, settings) == pytest.approx(2.0)
    assert temperature_at(1.0, settings) == pytest.approx(0.1)
    assert temperature_at(0.5, settings) == pytest.approx(math.sqrt(0.2))
    assert temperature_at(-1.0, settings) == temperature_at(0.0, settings)
    assert temperature_at(2.0, settings) == temperature_at(1.0, settings)


def test_the_weight_ramps_up_and_stays_at_one():
    settings = PCLSettings(ramp=0.4)
    weights = [weight_at(share, settings) for share in (0.0, 0.1, 0.2, 0.3, 0.4, 1.0)]
    assert weights == sorted(weights)
    assert weights[0] == pytest.approx(math.exp(-5.0))
    assert weights[-2] == weights[-1] == 1.0


def test_agreeing_confident_heads_are_selected():
    heads = torch.tensor([0.7, -0.7]).expand(3, 1, 2)
    labels = pseudo_labels(heads, 1.0, QUADRANTS)
    assert labels.selected.all()
    assert labels.target[0, 0] > 0.4
    assert labels.target[0, 1] < -0.4


def test_disagreeing_heads_are_rejected():
    heads = torch.tensor([[[0.8, 0.8]], [[-0.8, 0.8]], [[0.8, -0.8]]])
    assert not pseudo_labels(heads, 1.0, QUADRANTS).selected.any()


def test_predictions_near_the_centre_are_rejected():
    labels = pseudo_labels(torch.zeros(3, 2, 2), 1.0, QUADRANTS)
    assert labels.agreement.min() == pytest.approx(1.0, abs=1e-6)
    assert not labels.selected.any()
    torch.testing.assert_close(labels.target, torch.zeros(2, 2))


@given(seeds, st.sampled_from([2, 4]))
def test_a_lower_temperature_raises_confidence_and_targets_stay_in_the_plane(seed, cells):
    settings = PCLSettings(cells=cells, least_confidence=0.3)
    heads = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (3, 6, 2)))
    soft, sharp = (pseudo_labels(heads, progress, settings) for progress in (0.0, 1.0))
    for labels in (soft, sharp):
        assert labels.target.abs().max() <= 1.0 - 1.0 / cells + 1e-9
        torch.testing.assert_close(labels.cells.sum(dim=1), torch.ones(6, dtype=torch.float64))
    same = heads[:1].expand(3, 6, 2)  # the mean of heads that agree
    first, last = (pseudo_labels(same, progress, settings) for progress in (0.0, 1.0))
    assert (last.cells.amax(dim=1) >= first.cells.amax(dim=1) - 1e-9).all()


def test_pseudo_labels_equal_a_direct_computation():
    random = np.random.default_rng(5)
    heads = random.uniform(-1, 1, (3, 8, 2))
    labels = pseudo_labels(torch.from_numpy(heads), 0.3, QUADRANTS)
    temperature = 1.0 * (0.25 / 1.0) ** 0.3
    centres = np.array([(v, a) for v in (-0.5, 0.5) for a in (-0.5, 0.5)])
    each = np.exp(-((heads[:, :, None] - centres) ** 2).sum(axis=3) / temperature)
    each /= each.sum(axis=2, keepdims=True)
    mean = each.mean(axis=0)
    mixed, own = (-(one * np.log(one)).sum(axis=-1) for one in (mean, each))
    agreement = 1 - (mixed - own.mean(axis=0)) / np.log(3)
    np.testing.assert_allclose(labels.cells, mean, atol=1e-9)
    np.testing.assert_allclose(labels.agreement, agreement, atol=1e-9)
    np.testing.assert_allclose(labels.target, mean @ centres, atol=1e-9)
    assert (labels.selected.numpy() == ((mean.max(axis=1) >= 0.5) & (agreement >= 0.9))).all()


def labelled(target, agreement, selected):
    cells = torch.full((len(target), 4), 0.25)
    return PseudoLabels(target, cells, torch.tensor(agreement), torch.tensor(selected))


def test_only_selected_windows_and_only_the_prediction_get_gradients():
    prediction = torch.zeros(3, 2, requires_grad=True)
    labels = labelled(torch.full((3, 2), 0.4), [1.0, 0.5, 1.0], [True, True, False])
    loss = pseudo_label_loss(prediction, labels)
    assert loss.item() == pytest.approx((1.0 + 0.5) * 0.16 / 3)
    heads = torch.full((3, 3, 2), 0.8, requires_grad=True)
    pseudo_label_loss(prediction, pseudo_labels(heads, 1.0, QUADRANTS)).backward()
    assert prediction.grad.abs().min() > 0
    assert heads.grad is None


def test_without_selected_windows_loss_and_gradient_are_zero():
    prediction = torch.zeros(2, 2, requires_grad=True)
    loss = pseudo_label_loss(prediction, labelled(torch.ones(2, 2), [1.0, 1.0], [False, False]))
    loss.backward()
    assert loss.item() == 0.0
    assert not prediction.grad.any()


def test_an_empty_batch_has_a_finite_loss():
    labels = pseudo_labels(torch.zeros(3, 0, 2), 0.5, QUADRANTS)
    assert float(pseudo_label_loss(torch.zeros(0, 2), labels)) == 0.0
    assert diagnose(labels, torch.full((4,), 0.25)) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_constant_predictions_have_finite_labels(value):
    labels = pseudo_labels(torch.full((3, 1, 2), value), 1.0, QUADRANTS)
    assert all(part.isfinite().all() for part in labels[:3])


def test_drift_detects_labels_that_collapse_into_one_cell():
    even = torch.full((4,), 0.25)
    heads = torch.tensor([0.9, 0.9]).expand(3, 10, 2)
    crowded = diagnose(pseudo_labels(heads, 1.0, QUADRANTS), even)
    corners = 0.9 * torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    spread = diagnose(pseudo_labels(corners.expand(3, 4, 2), 1.0, QUADRANTS), even)
    assert crowded.coverage == spread.coverage == 1.0
    assert crowded.drift > 0.2
    assert spread.drift == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cells": 1}, "cells"),
        ({"first_temperature": 0.1, "last_temperature": 0.2}, "temperatures"),
        ({"least_agreement": 1.5}, "least_agreement"),
        ({"least_confidence": 0.25}, "least_confidence"),
        ({"ramp": 0.0}, "ramp"),
    ],
)
def test_invalid_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        PCLSettings(**change)
