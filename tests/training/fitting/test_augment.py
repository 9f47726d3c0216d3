"""Augmentation does to the views what it would do to the sound."""

import numpy as np
import pytest
import torch

from damer.views import FrontEnd, FrontEndSpec
from training.fitting.augment import Augment

SPEC = FrontEndSpec()
STILL = {"gain_db": 0.0, "equaliser_db": 0.0, "mask_frames": 0, "mask_bands": 0}
DECIBELS_OF_LOG_POWER = 10.0 / np.log(10.0)


def views(sound):
    """Both views of a sound as a batch of one."""
    frames = FrontEnd(SPEC).push(sound.astype(np.float32))
    return tuple(torch.from_numpy(view.T.copy())[None] for view in frames)


@pytest.fixture(scope="module")
def sound():
    """Noise loud enough that no band comes near the floor."""
    return 0.1 * np.random.default_rng(0).standard_normal(SPEC.sample_rate)


def test_without_any_strength_nothing_changes(make_recipe, sound):
    mel, cochleagram = views(sound)
    after = Augment(make_recipe(**STILL), seed=0)(mel, cochleagram)
    torch.testing.assert_close(after[0], mel, rtol=0, atol=1e-4)
    torch.testing.assert_close(after[1], cochleagram, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gain_is_that_of_louder_sound(make_recipe, sound, seed):
    recipe = make_recipe(**{**STILL, "gain_db": 12.0})
    mel, cochleagram = views(sound)
    louder = Augment(recipe, seed)(mel, cochleagram)
    decibels = float((louder[0] - mel).mean()) * DECIBELS_OF_LOG_POWER
    assert 0.0 < abs(decibels) <= 12.0
    expected = views(sound * 10.0 ** (decibels / 20.0))
    torch.testing.assert_close(louder[0], expected[0], rtol=0, atol=1e-3)
    torch.testing.assert_close(louder[1], expected[1], rtol=1e-3, atol=1e-5)


def test_no_power_falls_below_the_floor(make_recipe):
    mel, cochleagram = views(np.zeros(8192))
    for seed in range(5):
        quieter, _ = Augment(make_recipe(**{**STILL, "gain_db": 12.0}), seed)(mel, cochleagram)
        assert quieter.min() >= np.log(SPEC.mel_floor) - 1e-4


def test_the_equaliser_is_the_same_in_both_views(make_recipe, sound):
    recipe = make_recipe(**{**STILL, "equaliser_db": 6.0})
    mel, cochleagram = views(sound)
    after = Augment(recipe, seed=3)(mel, cochleagram)
    in_mel = (after[0] - mel).mean(dim=-1)[0].numpy() * DECIBELS_OF_LOG_POWER
    ratio = (after[1] / cochleagram)[0, :, 10:].log().mean(dim=-1).numpy()
    in_cochleagram = ratio / SPEC.compression * DECIBELS_OF_LOG_POWER
    assert np.ptp(in_mel) > 0.5
    assert np.abs(in_mel).max() <= 6.0 + 1e-3
    # The lowest and the highest bands of both views lie beyond the equaliser's end points.
    assert in_mel[0] == pytest.approx(in_cochleagram[0], abs=0.1)
    assert in_mel[-1] == pytest.approx(in_cochleagram[-1], abs=0.1)


def test_each_window_has_a_change_of_its_own(make_recipe, sound):
    mel, cochleagram = (view.repeat(4, 1, 1) for view in views(sound))
    after, _ = Augment(make_recipe(**{**STILL, "gain_db": 6.0}), seed=0)(mel, cochleagram)
    assert len((after - mel).mean(dim=(1, 2)).unique()) == 4


def test_masks_cover_no_more_than_they_may(make_recipe, sound):
    recipe = make_recipe(**{**STILL, "mask_frames": 6, "mask_bands": 5})
    mel, cochleagram = (view.repeat(32, 1, 1) for view in views(sound))
    torch.manual_seed(0)
    for before, after in zip((mel, cochleagram), Augment(recipe, 0)(mel, cochleagram), strict=True):
        masked = (after - before).abs() > 1e-3
        bands, frames = masked.float().mean(dim=2) > 0.9, masked.float().mean(dim=1) > 0.9
        assert bands.any()
        assert frames.any()
        assert bands.sum(dim=1).max() <= 5
        assert frames.sum(dim=1).max() <= 6


def test_the_input_is_left_as_it_was(make_recipe, sound):
    mel, cochleagram = views(sound)
    before = mel.clone(), cochleagram.clone()
    Augment(make_recipe(), seed=0)(mel, cochleagram)
    assert torch.equal(mel, before[0])
    assert torch.equal(cochleagram, before[1])


def test_the_seeds_decide_everything(make_recipe, sound):
    def augmented(seed):
        torch.manual_seed(seed)
        return Augment(make_recipe(), seed)(*views(sound))

    for one, same, other in zip(augmented(1), augmented(1), augmented(2), strict=True):
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
