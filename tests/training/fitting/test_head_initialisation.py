"""Test initialisation of the heads by ridge regression on the embeddings."""

import pytest
import torch

from damer.nn import DAMER
from training.fitting.pretrained import init_heads_by_ridge
from training.fitting.recipe_tables import Augmentation
from training.fitting.sampling import LabelledSampler
from training.sound.renditions import cut_windows

pytestmark = pytest.mark.train


@pytest.fixture
def recipe(make_recipe):
    still = Augmentation(gain_db=0.0, equaliser_db=0.0, mask_frames=0, mask_bands=0)
    return make_recipe(batch=24, augmentation=still, cold_start=0.0)


@pytest.fixture
def network(recipe, clips):
    """Untrained network with fitted standardisation of the bands."""
    torch.manual_seed(0)
    network = DAMER(recipe.network)
    views = [cut_windows(clip, torch.tensor([100]).numpy(), recipe.front_end) for clip in clips]
    network.fit_standardisation(*(torch.cat(parts) for parts in zip(*views, strict=True)))
    return network.eval()


def predictions(network, clips, recipe):
    views = [cut_windows(clip, torch.tensor([100]).numpy(), recipe.front_end) for clip in clips]
    with torch.inference_mode():
        output = network(*(torch.cat(parts) for parts in zip(*views, strict=True)))
    return torch.stack([output.fused.mean, output.mel, output.cochleagram])


def test_heads_predict_before_any_step(network, clips, recipe):
    labels = torch.tensor([clip.piece.mean_label.tolist() for clip in clips])
    before = (predictions(network, clips, recipe) - labels).square().mean(dim=1)
    init_heads_by_ridge(network, LabelledSampler(clips, recipe), recipe)
    after = (predictions(network, clips, recipe) - labels).square().mean(dim=1)
    assert (after < before).all()
    assert after[:, 1].max() < 0.5 * labels[:, 1].var()  # loudness is easy to predict


def test_the_encoders_stay_unchanged(network, clips, recipe):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    init_heads_by_ridge(network, LabelledSampler(clips, recipe), recipe)
    changed = {
        name for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    heads = ("fused_head", "mel_head", "cochleagram_head")
    assert changed == {f"{head}.mean.{part}" for head in heads for part in ("weight", "bias")}


def test_equal_labels_give_that_prediction(network, clips, recipe, make_rendition):
    same = [make_rendition(f"same {k}", 0.4, 0.4) for k in range(3)]
    init_heads_by_ridge(network, LabelledSampler(same, recipe), recipe)
    torch.testing.assert_close(
        predictions(network, clips, recipe), torch.full((3, len(clips), 2), 0.4), atol=1e-3, rtol=0
    )
