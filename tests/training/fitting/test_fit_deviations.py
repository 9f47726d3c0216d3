"""Test the deviation head: calibrated intervals for music with errors of different size."""

import numpy as np
import pytest
import torch

from damer.nn import DAMER, NetworkSize
from training.evaluation.smoothing import COVERAGE
from training.fitting.fit_deviations import fit_deviation_head
from training.predict import Trajectory
from training.sound.renditions import Rendition, cut_windows

pytestmark = pytest.mark.train
ENDS = np.arange(60, 172, 8)


@pytest.fixture
def network(clips, make_recipe):
    """Untrained network with fitted standardisation of the bands."""
    torch.manual_seed(0)
    network = DAMER(NetworkSize(width=16, heads=2, token_frames=8))
    views = [cut_windows(clip, np.array([100]), make_recipe().front_end) for clip in clips]
    network.fit_standardisation(*(torch.cat(parts) for parts in zip(*views, strict=True)))
    return network.eval()


@pytest.fixture
def spec(make_recipe):
    return make_recipe().front_end


@pytest.fixture
def hold_out(clips, spec, make_piece):
    """Make held-out clips, repeated, whose estimates have errors of a given deviation."""

    def hold_out(chosen, error, dataset="musemodataset", times=20):
        random = np.random.default_rng(0)
        held_out = []
        for clip in chosen * times:
            piece = make_piece(clip.piece.name, dataset=dataset)
            mean = error * random.standard_normal((len(ENDS), 2))
            seconds = ENDS * spec.hop / spec.sample_rate
            path = Trajectory(piece, clip.rendering, seconds, mean, np.ones_like(mean), 0.5)
            held_out.append((Rendition(piece, clip.rendering, clip.frames), path))
        return held_out

    return hold_out


def deviations(network, held_out, spec):
    with torch.inference_mode():
        return np.concatenate(
            [network(*cut_windows(one, ENDS, spec)).fused.std.numpy() for one, _ in held_out]
        )


@pytest.mark.parametrize("error", [0.1, 0.3, 0.9])
def test_the_deviation_of_constant_size_errors_is_fitted(network, hold_out, clips, spec, error):
    held_out = hold_out(clips, error)
    fit_deviation_head(network, held_out, spec)
    found = deviations(network, held_out, spec)
    assert found.mean(axis=0) == pytest.approx([error, error], rel=0.05)


def test_the_axes_are_fitted_independently(network, hold_out, clips, spec):
    held_out = hold_out(clips, np.array([0.1, 0.5]))
    fit_deviation_head(network, held_out, spec)
    found = deviations(network, held_out, spec)
    assert found.mean(axis=0) == pytest.approx([0.1, 0.5], rel=0.1)


def test_difficult_music_gets_wider_intervals(network, hold_out, clips, spec):
    by_loudness = sorted(clips, key=lambda clip: clip.piece.arousal.mean())
    sets = hold_out(by_loudness[:6], 0.2), hold_out(by_loudness[6:], 0.3)
    fit_deviation_head(network, sets[0] + sets[1], spec)
    easy, hard = (deviations(network, one, spec) for one in sets)
    assert (hard.mean(axis=0) > 1.1 * easy.mean(axis=0)).all()
    for width, share in (("80", 0.80), ("95", 0.95)):
        errors = [np.concatenate([np.abs(path.mean) for _, path in one]) for one in sets]
        inside = [
            error / std <= COVERAGE[width] for error, std in zip(errors, (easy, hard), strict=True)
        ]
        assert np.concatenate(inside).mean() == pytest.approx(share, abs=0.03)


def test_data_sets_have_equal_weight_regardless_of_size(network, hold_out, clips, spec):
    many, few = hold_out(clips, 0.2), hold_out(clips, 0.4, dataset="own", times=2)
    fit_deviation_head(network, many + few, spec)
    expected = np.sqrt((0.2**2 + 0.4**2) / 2)  # the same clips: the sets are indistinguishable
    assert deviations(network, few, spec).mean() == pytest.approx(expected, rel=0.1)


def test_only_the_deviation_head_changes(network, hold_out, clips, spec):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit_deviation_head(network, hold_out(clips, 0.3, times=2), spec)
    changed = {
        name for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"deviation_head.log_std.weight", "deviation_head.log_std.bias"}
    assert not any(one.requires_grad for one in network.deviation_head.parameters())
