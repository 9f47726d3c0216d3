"""Test augmentation of views against the same change of the audio."""

import numpy as np
import pytest
import torch

from damer.views import FrontEnd, FrontEndSpec
from damer.views.gammatone import erb_centre_frequencies
from damer.views.mel import hz_to_mel, mel_to_hz
from training.fitting import augment as augment_module
from training.fitting.augment import AUGMENT_UNIFORMS, Augment
from training.fitting.recipe_tables import Augmentation

SPEC = FrontEndSpec()
STILL = {"gain_db": 0.0, "equaliser_db": 0.0, "mask_frames": 0, "mask_bands": 0}
DECIBELS_OF_LOG_POWER = 10.0 / np.log(10.0)
FLOOR = float(np.log(SPEC.mel_floor))


def views(audio):
    """Return both views of audio, as a batch of one."""
    frames = FrontEnd(SPEC).push(audio.astype(np.float32))
    return tuple(torch.from_numpy(view.T.copy())[None] for view in frames)


def powers(mel, cochleagram):
    """Return the power of every band and frame of both views."""
    return mel.exp(), cochleagram.pow(1 / SPEC.compression)


@pytest.fixture(autouse=True, scope="module")
def short_babble():
    """Synthesise ten seconds of babble instead of a minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(augment_module, "_BABBLE_SECONDS", 10)
        augment_module._babble_power.cache_clear()
        yield
    augment_module._babble_power.cache_clear()


@pytest.fixture(scope="module")
def audio():
    """Noise with every band well above the floor."""
    return 0.1 * np.random.default_rng(0).standard_normal(SPEC.sample_rate)


@pytest.fixture
def augment(make_recipe):
    """Augment views with the given settings only."""

    def augment(both, seed=0, **what):
        change = Augment(make_recipe(augmentation=Augmentation(**{**STILL, **what})))
        uniforms = np.random.default_rng(seed).random((len(both[0]), AUGMENT_UNIFORMS))
        return change(*both, uniforms)

    return augment


def test_zero_strength_changes_nothing(augment, audio):
    mel, cochleagram = views(audio)
    after = augment((mel, cochleagram))
    torch.testing.assert_close(after[0], mel, rtol=0, atol=1e-4)
    torch.testing.assert_close(after[1], cochleagram, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gain_equals_scaling_the_audio(augment, audio, seed):
    mel, cochleagram = views(audio)
    louder = augment((mel, cochleagram), seed, gain_db=12.0)
    decibels = float((louder[0] - mel).mean()) * DECIBELS_OF_LOG_POWER
    assert 0.0 < abs(decibels) <= 12.0
    expected = views(audio * 10.0 ** (decibels / 20.0))
    torch.testing.assert_close(louder[0], expected[0], rtol=0, atol=1e-3)
    torch.testing.assert_close(louder[1], expected[1], rtol=1e-3, atol=1e-5)


EVERYTHING = {
    "gain_db": 12.0,
    "equaliser_db": 6.0,
    "noise": 0.5,
    "people": 0.5,
    "room": 0.5,
    "codec": 0.5,
}


@pytest.mark.parametrize("level", [0.0, 1e-6, 0.1])
@pytest.mark.parametrize("what", [{"gain_db": 12.0}, {"codec": 1.0}, EVERYTHING])
def test_no_power_falls_below_the_floor(augment, audio, level, what):
    both = views(level * audio)
    for seed in range(5):
        mel, cochleagram = augment(both, seed, **what)
        assert mel.min() >= FLOOR - 1e-4
        assert cochleagram.min() >= 0.0
        assert mel.isfinite().all()
        assert cochleagram.isfinite().all()


def test_the_equaliser_is_the_same_in_both_views(augment, audio):
    mel, cochleagram = views(audio)
    after = augment((mel, cochleagram), seed=3, equaliser_db=6.0)
    in_mel = (after[0] - mel).mean(dim=-1)[0].numpy() * DECIBELS_OF_LOG_POWER
    ratio = (after[1] / cochleagram)[0, :, 10:].log().mean(dim=-1).numpy()
    in_cochleagram = ratio / SPEC.compression * DECIBELS_OF_LOG_POWER
    assert np.ptp(in_mel) > 0.5
    assert np.abs(in_mel).max() <= 6.0 + 1e-3
    # The lowest and the highest bands of both views lie beyond the equaliser's end points.
    assert in_mel[0] == pytest.approx(in_cochleagram[0], abs=0.1)
    assert in_mel[-1] == pytest.approx(in_cochleagram[-1], abs=0.1)


def test_each_window_is_changed_independently(augment, audio):
    mel, cochleagram = (view.repeat(4, 1, 1) for view in views(audio))
    after, _ = augment((mel, cochleagram), gain_db=6.0)
    assert len((after - mel).mean(dim=(1, 2)).unique()) == 4


@pytest.mark.parametrize("what", ["noise", "people", "room"])
def test_added_power_makes_no_band_quieter(augment, audio, what):
    both = views(audio)
    for seed in range(5):
        after = augment(both, seed, **{what: 1.0})
        for before, now in zip(powers(*both), powers(*after), strict=True):
            assert (now >= before * (1 - 1e-4)).all()
            assert now.sum() > before.sum()


def test_noise_has_the_stated_level_below_the_music(augment, audio):
    mel, _ = both = views(audio)
    levels = []
    for seed in range(20):
        noisy, _ = augment(both, seed, noise=1.0)
        share = (noisy.exp() - mel.exp()).sum() / mel.exp().sum()
        levels.append(float(share.log()) * DECIBELS_OF_LOG_POWER)
    assert min(levels) > -41.0
    assert max(levels) < 0.1
    assert np.ptp(levels) > 20.0


def test_babble_has_the_stated_level_below_the_music(augment, audio):
    music = views(np.tile(audio, 4))
    levels = []
    for seed in range(20):
        with_babble, _ = augment(music, seed, people=1.0)
        share = (with_babble.exp() - music[0].exp()).sum() / music[0].exp().sum()
        levels.append(float(share.log()) * DECIBELS_OF_LOG_POWER)
    assert max(levels) < 6.0  # a loud moment of speech
    assert np.median(levels) < 0.0
    assert np.ptp(levels) > 10.0


def test_babble_fluctuates_and_noise_is_stationary(augment, audio):
    music = views(np.tile(audio, 4))

    def fluctuation(**what):
        added = [augment(music, seed, **what)[0].exp() - music[0].exp() for seed in range(8)]
        power = torch.stack(added)[:, 0].sum(dim=1)
        return float((power.std(dim=1) / power.mean(dim=1)).mean())

    assert fluctuation(people=1.0) > 5 * fluctuation(noise=1.0)


def test_noise_fills_the_gaps(augment, audio):
    both = views(np.concatenate([audio, np.zeros_like(audio)]))
    noisy = augment(both, noise=1.0)
    for before, after in zip(both, noisy, strict=True):
        assert after[..., -10:].mean() > before[..., -10:].mean()


def test_reverberation_follows_the_audio_and_never_precedes_it(augment, audio):
    pause = np.zeros_like(audio)
    both = views(np.concatenate([pause, audio, pause]))
    reverberant = augment(both, room=1.0)
    start = SPEC.sample_rate // SPEC.hop
    for before, after in zip(powers(*both), powers(*reverberant), strict=True):
        louder = (after - before).sum(dim=1)[0]
        assert louder[: start - 5].max() < 1e-4 * louder.max()
        tail = louder[2 * start + 10 :]
        assert tail[0] > 0
        assert tail[0] > 2 * tail[20] > 0


def test_a_codec_lowers_only_high_bands(augment, audio):
    mel, cochleagram = both = views(audio)
    ends = hz_to_mel(np.array([SPEC.mel_low, SPEC.mel_high]))
    centres = mel_to_hz(np.linspace(*ends, SPEC.mel_bands + 2)[1:-1]), erb_centre_frequencies(SPEC)
    for seed in range(5):
        lossy = augment(both, seed, codec=1.0)
        for before, after, hertz in zip((mel, cochleagram), lossy, centres, strict=True):
            low = torch.from_numpy(hertz < 5000.0)
            torch.testing.assert_close(after[:, low], before[:, low], rtol=1e-4, atol=1e-4)
            assert (after <= before + 1e-4).all()
            highest = int(np.argmax(hertz))
            if hertz[highest] > 10000.0:
                assert (after[:, highest] < before[:, highest]).all()
        assert (lossy[0][:, -1] < mel[:, -1]).all()


def test_only_the_stated_share_is_changed(augment, audio):
    mel, cochleagram = (view.repeat(200, 1, 1) for view in views(audio[: SPEC.sample_rate // 8]))
    after, _ = augment((mel, cochleagram), noise=0.25)
    changed = ((after - mel).abs().amax(dim=(1, 2)) > 1e-3).float().mean()
    assert float(changed) == pytest.approx(0.25, abs=0.1)


def test_masks_do_not_exceed_their_size(augment, audio):
    mel, cochleagram = (view.repeat(32, 1, 1) for view in views(audio))
    after = augment((mel, cochleagram), mask_frames=6, mask_bands=5)
    for before, now in zip((mel, cochleagram), after, strict=True):
        masked = (now - before).abs() > 1e-3
        bands, frames = masked.float().mean(dim=2) > 0.9, masked.float().mean(dim=1) > 0.9
        assert bands.any()
        assert frames.any()
        assert bands.sum(dim=1).max() <= 5
        assert frames.sum(dim=1).max() <= 6


def test_the_input_is_not_modified(augment, audio):
    mel, cochleagram = views(audio)
    before = mel.clone(), cochleagram.clone()
    augment((mel, cochleagram), noise=1.0, room=1.0, codec=1.0, gain_db=6.0, mask_frames=6)
    assert torch.equal(mel, before[0])
    assert torch.equal(cochleagram, before[1])


def test_a_window_is_changed_equally_in_any_batch(make_recipe, audio):
    what = Augmentation(**EVERYTHING, mask_frames=6, mask_bands=5)
    change = Augment(make_recipe(augmentation=what))
    both = [view.repeat(6, 1, 1) for view in views(audio)]
    uniforms = np.random.default_rng(0).random((6, AUGMENT_UNIFORMS))
    whole_batch = change(*both, uniforms)
    partial_batch = change(*(view[1::2] for view in both), uniforms[1::2])
    for all_of_them, some in zip(whole_batch, partial_batch, strict=True):
        torch.testing.assert_close(all_of_them[1::2], some)


def test_augmentation_is_determined_by_the_seed(augment, audio):
    def augmented(seed):
        return augment(views(audio), seed, **EVERYTHING, mask_frames=6, mask_bands=5)

    for one, same, other in zip(augmented(1), augmented(1), augmented(2), strict=True):
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
