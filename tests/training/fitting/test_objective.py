"""What a fit minimises is least where the estimates are right."""

import numpy as np
import pytest
import torch

from damer.nn import HeadOutput, NetworkOutput
from training.fitting.objective import objective

ALL = {"musemodataset": slice(0, 32)}
NO_EMBEDDINGS = [torch.zeros(32, 4)] * 3


@pytest.fixture
def label():
    return torch.from_numpy(np.random.default_rng(0).uniform(-0.8, 0.8, (32, 2))).float()


def output(mean, std=0.2):
    head = HeadOutput(mean, torch.full_like(mean, std) if isinstance(std, float) else std)
    return NetworkOutput(head, head, head, *NO_EMBEDDINGS)


def test_right_estimates_cost_less_than_any_other(make_recipe, label):
    recipe = make_recipe(deviation_loss=0.0)
    least = float(objective(output(label), label, ALL, recipe))
    assert least == pytest.approx(0.0, abs=1e-3)
    for other in (0.5 * label, label + 0.2, -label, label.flip(0), torch.zeros_like(label)):
        assert float(objective(output(other), label, ALL, recipe)) > least + 0.05


def test_the_cost_falls_towards_the_labels(make_recipe, label):
    recipe = make_recipe()
    costs = [
        float(objective(output(share * label), label, ALL, recipe))
        for share in (-1.0, -0.5, 0.0, 0.5, 1.0)
    ]
    assert costs == sorted(costs, reverse=True)


def test_the_best_deviation_is_the_size_of_the_error(make_recipe, label):
    recipe = make_recipe(deviation_loss=1.0)
    estimate = output(label + 0.3)
    costs = {
        std: float(objective(output(estimate.fused.mean, std), label, ALL, recipe))
        for std in (0.1, 0.2, 0.3, 0.4, 0.6)
    }
    assert min(costs, key=costs.get) == 0.3


def test_deviations_do_not_pull_the_estimates(make_recipe, label):
    recipe = make_recipe(deviation_loss=1.0)
    alone = make_recipe(deviation_loss=0.0)
    gradients = []
    for each in (recipe, alone):
        mean = (0.5 * label).requires_grad_()
        objective(output(mean, torch.full_like(label, 0.2)), label, ALL, each).backward()
        gradients.append(mean.grad)
    torch.testing.assert_close(*gradients)


def test_data_sets_weigh_alike_whatever_their_share(make_recipe, label):
    recipe = make_recipe()
    few, many = slice(0, 8), slice(8, 32)
    both = objective(output(0.3 * label), label, {"few": few, "many": many}, recipe)
    each = [objective(output(0.3 * label), label, {"one": part}, recipe) for part in (few, many)]
    torch.testing.assert_close(both, (each[0] + each[1]) / 2)


def test_the_heads_of_the_views_weigh_as_the_recipe_says(make_recipe, label):
    right, wrong = output(label).fused, output(-label).fused
    answer = NetworkOutput(right, wrong, right, *NO_EMBEDDINGS)
    costs = [
        float(objective(answer, label, ALL, make_recipe(view_loss=weight, deviation_loss=0.0)))
        for weight in (0.0, 0.3, 0.6)
    ]
    assert costs[0] == pytest.approx(0.0, abs=1e-3)
    assert costs[2] - costs[0] == pytest.approx(2 * (costs[1] - costs[0]), rel=1e-3)


def test_equal_labels_give_a_finite_cost_and_gradient(make_recipe):
    label = torch.full((32, 2), 0.3)
    mean = torch.zeros(32, 2, requires_grad=True)
    loss = objective(output(mean), label, ALL, make_recipe())
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(mean.grad).all()
