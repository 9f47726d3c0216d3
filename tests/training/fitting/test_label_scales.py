"""Test scales and offsets of data sets about the neutral scale that a network predicts."""

import pytest
import torch

from training.fitting.fit import fit
from training.fitting.learner import LabelScales
from training.predict import piece_means

SETS = {"narrow": 0.5, "wide": 0.5}
ROWS = {"narrow": slice(0, 4), "wide": slice(4, 8)}


@pytest.fixture
def scales(make_recipe):
    return LabelScales(make_recipe(datasets=SETS, auxiliary={"third": 0.2}))


def test_new_scales_change_nothing(scales):
    prediction = torch.rand(8, 2)
    torch.testing.assert_close(scales(prediction, ROWS), prediction)


def test_the_neutral_scale_is_between_those_of_the_evaluated_sets(scales):
    with torch.no_grad():
        scales.log_scale.copy_(torch.randn(3, 2))
        scales.offset.copy_(torch.randn(3, 2))
    zeros, ones = (scales(torch.full((8, 2), value), ROWS) for value in (0.0, 1.0))
    torch.testing.assert_close(zeros[0] + zeros[4], torch.zeros(2))
    torch.testing.assert_close((ones - zeros)[0] * (ones - zeros)[4], torch.ones(2))


def test_scales_are_learnt_from_labels(scales):
    truth = torch.rand(8, 2) - 0.5
    label = torch.cat([0.5 * truth[:4] - 0.2, 2.0 * truth[4:] + 0.2])
    optimizer = torch.optim.Adam(scales.parameters(), 0.05)
    for _ in range(300):
        loss = (scales(truth, ROWS) - label).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(scales(truth, ROWS), label, atol=0.01, rtol=0.0)


@pytest.mark.train
def test_a_fit_with_scales_predicts_in_the_neutral_scale(clips, make_recipe):
    fitted = fit(clips[:8], clips[8:], make_recipe(own_scale=True), 0)
    predictions, _ = piece_means(fitted.validation)
    assert abs(predictions).max() <= 1.0
    assert "log_scale" not in fitted.network.state_dict()
