"""Test trajectories predicted by a network, and their scores."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from damer.nn import DAMER, NetworkSize
from damer.views import FrontEndSpec
from training import predict
from training.predict import Trajectory, piece_means, predict_trajectory, scores
from training.sound.render import Rendering
from training.sound.renditions import RECORDED, Rendition

SPEC = FrontEndSpec(window_frames=43)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return DAMER(NetworkSize(width=8, heads=2)).eval()


@pytest.fixture
def make_path(make_piece):
    """Make a trajectory whose estimates are its labels plus an error."""

    def make(name, level, *, error=0.0, slope=0.0, count=20, rendering=RECORDED):
        times = np.arange(1.0, count + 1.0)
        curve = level + slope * (times - times.mean())
        piece = make_piece(name, times=times, valence=curve, arousal=-curve)
        mean = piece.labels_at(times) + error
        return Trajectory(piece, rendering, times, mean, np.full((count, 2), 0.2), 3.0)

    return make


def test_predictions_are_at_the_ends_of_their_windows(network, clips):
    path = predict_trajectory(network, clips[0], 0.25, SPEC)
    assert path.mean.shape == path.std.shape == (len(path.times), 2)
    assert path.times[0] == pytest.approx(1.0, abs=SPEC.hop / SPEC.sample_rate)
    assert path.times[-1] <= clips[0].seconds(SPEC)
    assert path.window_seconds == SPEC.window_seconds


def test_estimates_do_not_depend_on_the_batch(network, clips, monkeypatch):
    batched = predict_trajectory(network, clips[0], 0.1, SPEC)
    monkeypatch.setattr(predict, "_BATCH", 1)
    unbatched = predict_trajectory(network, clips[0], 0.1, SPEC)
    np.testing.assert_allclose(unbatched.mean, batched.mean, atol=1e-5)
    np.testing.assert_allclose(unbatched.std, batched.std, atol=1e-5)


def test_later_frames_change_no_earlier_prediction(network, clips):
    changed = clips[0].frames.copy()
    changed[120:] = 0.0
    before = predict_trajectory(network, clips[0], 0.1, SPEC)
    after = predict_trajectory(network, Rendition(clips[0].piece, RECORDED, changed), 0.1, SPEC)
    earlier = before.times <= 120 * SPEC.hop / SPEC.sample_rate
    assert 0 < earlier.sum() < len(earlier)
    assert np.array_equal(before.mean[earlier], after.mean[earlier])
    assert not np.allclose(before.mean[~earlier], after.mean[~earlier])


def test_a_pieces_estimate_is_the_mean_of_its_full_windows(make_path):
    path = make_path("song", 0.3)
    path.mean[path.times < 3.0] = -1.0
    assert path.mean_over_full_windows() == pytest.approx([0.3, -0.3])


def test_a_piece_without_a_full_window_uses_its_partial_windows(make_path):
    assert make_path("song", 0.3, count=2).mean_over_full_windows() == pytest.approx([0.3, -0.3])


def test_renditions_of_a_piece_are_averaged(make_path):
    paths = [
        make_path("song", 0.2, error=0.1, rendering=Rendering("a.sf2")),
        make_path("song", 0.2, error=-0.1, rendering=Rendering("b.sf2")),
    ]
    estimates, labels = piece_means([*paths, make_path("other", -0.5)])
    assert estimates == pytest.approx(np.array([[0.2, -0.2], [-0.5, 0.5]]))
    assert labels == pytest.approx(estimates)


def test_exact_estimates_score_one_at_every_level(make_path):
    table = scores([make_path(f"song{k}", 0.2 * k - 0.3, slope=1e-3) for k in range(5)])
    for axis in ("valence", "arousal"):
        for name in ("ccc", "r2", "r", "moment_ccc", "within_piece_r", "within_piece_ccc"):
            assert table[axis][name] == pytest.approx(1.0, abs=1e-4)
        assert table[axis]["accuracy"] == table[axis]["auc"] == 1.0
        assert table[axis]["rmse"] == pytest.approx(0.0, abs=2e-3)


def test_a_lag_shifts_to_earlier_labels(make_path):
    path = make_path("song", 0.0, slope=0.05)
    late = replace(path, lag=2.0).labels()
    assert late[5] == pytest.approx(path.labels()[3])
    assert late[0] == pytest.approx(path.labels()[0])


def test_a_faster_rendition_reaches_its_labels_sooner(make_path):
    path = make_path("song", 0.0, slope=0.05)
    fast = replace(path, rendering=Rendering("a.sf2", tempo=2.0)).labels()
    assert path.times[7] == 2 * path.times[3]
    assert fast[3] == pytest.approx(path.labels()[7])
