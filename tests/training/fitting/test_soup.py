"""Test soups: fits from the same start are averaged into one network."""

import numpy as np
import pytest
import torch

from damer.nn import DAMER, NetworkSize
from training.fitting.selection import FitData
from training.fitting.soup import average_weights, fit_soup
from training.predict import predict_trajectory

pytestmark = pytest.mark.train


@pytest.fixture
def recipe(make_recipe):
    return make_recipe(pretrained="any", fits=3)


def halves(clips):
    """Hold out different clips for each fit."""

    def sides(number):
        return FitData(
            [clip for k, clip in enumerate(clips) if k % 3 != number], clips[number::3], []
        )

    return sides


def test_the_mean_of_one_network_is_that_network():
    network = DAMER(NetworkSize(width=8, heads=2)).eval()
    mean = average_weights([network, network]).state_dict()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(mean[name], value)


def test_weights_are_the_mean_of_the_fits(clips, recipe, pretrained):
    soup = fit_soup(halves(clips), recipe, 0, pretrained=pretrained)
    assert len(soup.fits) == 3
    states = [one.network.state_dict() for one in soup.fits]
    assert not torch.equal(states[0]["fuse.0.weight"], states[1]["fuse.0.weight"])
    for name, value in soup.network.state_dict().items():
        if "deviation_head" not in name:
            torch.testing.assert_close(value, sum(one[name] for one in states) / 3)
    assert not soup.network.training


def test_deviations_are_fitted_to_the_held_out_pieces_of_each_fit(clips, recipe, pretrained):
    soup = fit_soup(halves(clips), recipe, 0, pretrained=pretrained)
    held_out = [path.piece.name for one in soup.fits for path in one.validation]
    assert sorted(held_out) == sorted(clip.piece.name for clip in clips)
    assert soup.network.deviation_head.log_std.weight.abs().max() > 0


def test_a_stopped_soup_resumes_to_the_same_weights(clips, recipe, pretrained, tmp_path):
    def stop(step):
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_soup(halves(clips), recipe, 0, pretrained=pretrained, run=tmp_path, on_step=stop)
    done = []
    again = fit_soup(
        halves(clips), recipe, 0, pretrained=pretrained, run=tmp_path, on_step=done.append
    )
    straight = fit_soup(halves(clips), recipe, 0, pretrained=pretrained)
    assert 1 not in done
    assert done[-1] == 9
    for name, value in straight.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name])
    one = clips[0]
    assert np.isfinite(predict_trajectory(again.network, one, 0.5, recipe.front_end).mean).all()


def test_other_seeds_give_other_fits(clips, recipe, pretrained):
    first, second = (
        fit_soup(lambda _: FitData(clips[:8], clips[8:], []), recipe, seed, pretrained=pretrained)
        for seed in (0, 1)
    )
    states = [one.network.state_dict()["fuse.0.weight"] for one in (*first.fits, *second.fits)]
    assert all(not torch.equal(one, other) for k, one in enumerate(states) for other in states[:k])
