"""Test statistics of attention maps, and their computation for audio."""

import numpy as np
import pytest
import torch

from damer.nn import DAMER, NetworkSize
from damer.views import FrontEndSpec
from training.evaluation.attention import (
    attention_stats,
    attention_table,
    cut_audio_windows,
    load_fitted,
)
from training.fitting.recipe_tables import Augmentation

SPEC = FrontEndSpec(window_frames=44)
SILENT = Augmentation(gain_db=0.0, equaliser_db=0.0)


def test_uniform_attention_has_entropy_1_and_is_shared():
    one = attention_stats(torch.full((2, 4, 6, 6), 1 / 6), torch.rand(2, 6), 0.1)
    assert one.entropy == pytest.approx(1.0)
    assert one.shared == pytest.approx(1.0)
    assert one.distance == pytest.approx(one.uniform_distance)


def test_diagonal_attention_has_no_entropy_distance_or_share():
    one = attention_stats(torch.eye(5).expand(1, 2, 5, 5), torch.rand(1, 5), 0.1)
    assert one.entropy == pytest.approx(0.0, abs=1e-6)
    assert one.shared == 0.0
    assert one.distance == 0.0


def test_attention_of_half_the_queries_is_not_shared():
    weights = torch.zeros(1, 1, 4, 4)
    weights[:, :, :2, 0] = weights[:, :, 2:, 1] = 0.7
    weights[..., 3] = 0.3
    assert attention_stats(weights, torch.rand(1, 4), 0.1).shared == pytest.approx(0.3)


def test_attention_to_one_token_is_shared_and_has_no_entropy():
    weights = torch.zeros(1, 1, 4, 4)
    weights[..., 2] = 1.0
    one = attention_stats(weights, torch.tensor([[0.0, 0.0, 3.0, 3.0]]), 0.5)
    assert (one.entropy, one.shared) == (pytest.approx(0.0, abs=1e-6), 1.0)
    assert one.distance == pytest.approx(0.5 * np.mean([2, 1, 0, 1]))
    attended, level, rise = [0, 0, 1, 0], [0, 0, 3, 3], [0, 0, 3, 0]
    assert one.level_r == pytest.approx(np.corrcoef(attended, level)[0, 1], abs=1e-6)
    assert one.onset_r == pytest.approx(np.corrcoef(attended, rise)[0, 1], abs=1e-6)


def test_other_files_are_refused(tmp_path):
    torch.save({"weights": {}, "recipe": {"name": "x"}}, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"model\.pt: it was not written by `fit`"):
        load_fitted(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (
            {"origin": "external", "augmentation": SILENT},
            "precomputed views, which audio cannot give",
        ),
        (
            {"network": NetworkSize(width=8, heads=2, fusion="concatenation")},
            "no attention between two views",
        ),
        ({"network": NetworkSize(width=8, heads=2, views="mel")}, "no attention between two views"),
    ],
)
def test_networks_without_cross_view_attention_are_refused(tmp_path, make_recipe, values, reason):
    recipe = make_recipe(**values)
    content = {
        "weights": DAMER(recipe.network).state_dict(),
        "recipe": recipe.model_dump(mode="json"),
    }
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=reason):
        load_fitted(tmp_path / "model.pt")


def test_audio_is_cut_into_full_windows(make_audio):
    audio = make_audio(0.5, 0.5, 2.3, seed=0)
    mel, cochleagram = cut_audio_windows(audio, SPEC)
    assert mel.shape == (4, 128, 44)
    assert cochleagram.shape == (4, 84, 44)
    with pytest.raises(ValueError, match="shorter than a window"):
        cut_audio_windows(audio[:1000], SPEC)


def test_the_table_has_a_row_for_each_layer_and_direction(make_audio):
    torch.manual_seed(0)
    network = DAMER(NetworkSize(width=8, heads=2, layers=2)).eval()
    table = attention_table(network, cut_audio_windows(make_audio(0, 0, 1.5, seed=0), SPEC), SPEC)
    assert table.count("attends to") == 4
