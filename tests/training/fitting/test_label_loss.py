"""Test the training loss: minimal for exact estimates, finite, weighted per recipe."""

import numpy as np
import pytest
import torch

from training.fitting.label_loss import label_loss
from training.fitting.recipe import LABELLED_BY_TEACHER
from training.fitting.recipe_tables import TeacherLabels

ALL = {"musemodataset": slice(0, 32)}


@pytest.fixture
def label():
    return torch.from_numpy(np.random.default_rng(0).uniform(-0.8, 0.8, (32, 2))).float()


def output(mean, view_mean=None):
    return mean, mean if view_mean is None else view_mean, mean


def test_exact_predictions_have_the_lowest_loss(make_recipe, label):
    recipe = make_recipe()
    least = float(label_loss(output(label), label, ALL, recipe))
    assert least == pytest.approx(0.0, abs=1e-3)
    for other in (0.5 * label, label + 0.2, -label, label.flip(0), torch.zeros_like(label)):
        assert float(label_loss(output(other), label, ALL, recipe)) > least + 0.05


def test_the_loss_decreases_towards_the_labels(make_recipe, label):
    recipe = make_recipe()
    costs = [
        float(label_loss(output(share * label), label, ALL, recipe))
        for share in (-1.0, -0.5, 0.0, 0.5, 1.0)
    ]
    assert costs == sorted(costs, reverse=True)


def test_data_sets_have_equal_weight_regardless_of_their_share(make_recipe, label):
    recipe = make_recipe()
    few, many = slice(0, 8), slice(8, 32)
    both = label_loss(output(0.3 * label), label, {"few": few, "many": many}, recipe)
    each = [label_loss(output(0.3 * label), label, {"one": part}, recipe) for part in (few, many)]
    torch.testing.assert_close(both, (each[0] + each[1]) / 2)


def test_data_sets_have_the_weight_of_the_recipe(make_recipe, label):
    recipe = make_recipe(datasets={"one": 0.5, "two": 0.5}, weights={"two": 0.25})
    rows = {"one": slice(0, 16), "two": slice(16, 32)}
    both = label_loss(output(0.3 * label), label, rows, recipe)
    one, two = (
        label_loss(output(0.3 * label), label, {name: part}, recipe) for name, part in rows.items()
    )
    torch.testing.assert_close(both, (one + 0.25 * two) / 1.25)


def test_labels_of_the_teacher_count_less_and_less(make_recipe, label):
    recipe = make_recipe(teacher_labels=TeacherLabels(pool=["unlabelled"], weight=0.5))
    rows = {"musemodataset": slice(0, 16), LABELLED_BY_TEACHER: slice(16, 32)}
    right = torch.cat([label[:16], -label[16:]])  # wrong about the teacher's labels only
    costs = [float(label_loss(output(right), label, rows, recipe, p)) for p in (0.0, 0.5, 1.0)]
    assert costs[0] > costs[1] > costs[2]
    assert costs[2] == pytest.approx(0.0, abs=1e-3)


def test_view_heads_have_the_weight_of_the_recipe(make_recipe, label):
    answer = output(label, -label)
    costs = [
        float(label_loss(answer, label, ALL, make_recipe(view_loss=weight)))
        for weight in (0.0, 0.3, 0.6)
    ]
    assert costs[0] == pytest.approx(0.0, abs=1e-3)
    assert costs[2] - costs[0] == pytest.approx(2 * (costs[1] - costs[0]), rel=1e-3)


def test_equal_labels_give_a_finite_loss_and_gradient(make_recipe):
    label = torch.full((32, 2), 0.3)
    mean = torch.zeros(32, 2, requires_grad=True)
    loss = label_loss(output(mean), label, ALL, make_recipe())
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(mean.grad).all()
