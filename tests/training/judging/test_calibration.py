"""Calibrated deviations cover what they say, though data sets differ in the size of errors."""

import numpy as np
import pytest
import torch

from damer.nn import DAMER, NetworkSize
from training.judging.calibration import calibrate_deviations
from training.judging.predict import Trajectory
from training.judging.smoothing import COVERAGE
from training.sound.features import RECORDED


@pytest.fixture
def network():
    return DAMER(NetworkSize(width=8, heads=2)).eval()


@pytest.fixture
def make_paths(make_piece):
    """Make trajectories of one data set with errors of one size that claim another."""

    def make(dataset, error, claimed, count=40, seed=0):
        random = np.random.default_rng(seed)
        return [
            Trajectory(
                make_piece(f"{dataset}{number}", dataset=dataset),
                RECORDED,
                np.arange(1.0, 51.0),
                error * random.standard_normal((50, 2)),
                np.full((50, 2), claimed),
                3.0,
            )
            for number in range(count)
        ]

    return make


def calibrated(network, path):
    head = network.fused_head
    return path.std ** head.std_power.numpy() * head.std_scale.numpy()


def share_inside(network, paths, width):
    ratios = [np.abs(path.mean - path.labels()) / calibrated(network, path) for path in paths]
    return np.mean(np.concatenate(ratios) <= COVERAGE[width], axis=0)


@pytest.mark.parametrize("claimed", [0.1, 0.3, 0.9])
def test_one_wrong_size_is_put_right(network, make_paths, claimed):
    paths = make_paths("vgmidi", 0.3, claimed)
    calibrate_deviations(network, paths)
    assert calibrated(network, paths[0]) == pytest.approx(0.3, rel=0.05)


def test_what_is_right_stays(network, make_paths):
    paths = make_paths("vgmidi", 0.2, 0.2) + make_paths("musemodataset", 0.4, 0.4)
    calibrate_deviations(network, paths)
    assert network.fused_head.std_power.numpy() == pytest.approx([1.0, 1.0])
    assert network.fused_head.std_scale.numpy() == pytest.approx([1.0, 1.0], rel=0.05)


def test_sets_that_differ_more_than_they_say_are_covered_through_the_power(network, make_paths):
    """Errors go with the square of what is claimed: no scale alone is right for both."""
    sets = make_paths("vgmidi", 0.2, 0.2**0.5), make_paths("musemodataset", 0.5, 0.5**0.5)
    calibrate_deviations(network, sets[0] + sets[1])
    assert network.fused_head.std_power.numpy() == pytest.approx([2.0, 2.0])
    for paths in sets:
        assert share_inside(network, paths, "80") == pytest.approx([0.80, 0.80], abs=0.03)
        assert share_inside(network, paths, "95") == pytest.approx([0.95, 0.95], abs=0.02)


def test_deviations_that_say_nothing_become_one_size(network, make_paths):
    paths = make_paths("vgmidi", 0.3, 0.1) + make_paths("musemodataset", 0.3, 0.8)
    calibrate_deviations(network, paths)
    assert network.fused_head.std_power.numpy() == pytest.approx([0.0, 0.0])
    assert network.fused_head.std_scale.numpy() == pytest.approx([0.3, 0.3], rel=0.05)


def test_data_sets_weigh_alike_however_many_pieces_they_have(network, make_paths):
    many, few = make_paths("vgmidi", 0.2, 0.3, count=80), make_paths("own", 0.4, 0.3, count=8)
    calibrate_deviations(network, many + few)
    expected = np.sqrt((0.2**2 + 0.4**2) / 2)
    assert calibrated(network, many[0]) == pytest.approx(expected, rel=0.05)


def test_the_axes_are_calibrated_each_for_itself(network, make_paths):
    paths = make_paths("vgmidi", np.array([0.1, 0.5]), 0.3)
    calibrate_deviations(network, paths)
    assert calibrated(network, paths[0])[0] == pytest.approx([0.1, 0.5], rel=0.05)


def test_the_network_says_what_calibration_decided(network, make_paths):
    torch.manual_seed(0)
    views = torch.randn(4, 128, 43), torch.rand(4, 84, 43)
    with torch.inference_mode():
        before = network(*views).fused
    calibrate_deviations(
        network, make_paths("vgmidi", 0.2, 0.2**0.5) + make_paths("own", 0.5, 0.5**0.5)
    )
    with torch.inference_mode():
        after = network(*views).fused
    head = network.fused_head
    torch.testing.assert_close(after.mean, before.mean)
    torch.testing.assert_close(after.std, before.std**head.std_power * head.std_scale)
