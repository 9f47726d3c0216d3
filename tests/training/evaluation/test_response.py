"""Test the step response to joined calm and excited clips."""

import numpy as np
import pytest
import torch

from damer.nn import DAMER, NetworkSize
from damer.views import FrontEndSpec
from training.evaluation.smoothing import predict_arousal_steps, response_time

SPEC = FrontEndSpec(window_frames=43)


@pytest.fixture(scope="module")
def joins(clips):
    torch.manual_seed(0)
    network = DAMER(NetworkSize(width=8, heads=2)).eval()
    return predict_arousal_steps(network, clips, SPEC)


def test_the_calmest_clips_are_paired_with_the_most_excited(joins, clips):
    assert len(joins) == len(clips) // 2
    assert joins[0][0].piece.arousal[0] == min(clip.piece.arousal[0] for clip in clips)


def test_the_step_is_at_the_end_of_the_calm_clips(joins):
    for path, join in joins:
        assert join == pytest.approx(6.0, abs=0.1)
        assert path.times[-1] == pytest.approx(2 * join, abs=0.1)


def test_predictions_before_the_step_equal_those_of_the_calm_clip(joins):
    path, join = joins[0]
    before = path.mean[(path.times > 2.0) & (path.times < join)]
    after = path.mean[path.times > join + SPEC.window_seconds]
    assert np.abs(before.mean(axis=0) - after.mean(axis=0)).max() > before.std(axis=0).max()


def test_a_collection_without_recorded_clips_has_no_response_time():
    network = DAMER(NetworkSize(width=8, heads=2)).eval()
    assert response_time(predict_arousal_steps(network, [], SPEC), None) is None
