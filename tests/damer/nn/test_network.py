"""Test the DAMER network: shapes, ranges, determinism, ablations, checkpoint keys."""

from dataclasses import asdict

import pytest
import torch

from damer.nn import DAMER, NetworkSize

SMALL = NetworkSize(width=16, heads=2, layers=1, token_frames=8)
CONVOLUTIONAL = NetworkSize(width=16, heads=2, layers=1, tokens="convolutional")


def network(seed=0, size=SMALL):
    torch.manual_seed(seed)
    return DAMER(size)


def views(batch=2, frames=44, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(batch, 128, frames, generator=generator),
        torch.randn(batch, 84, frames, generator=generator).abs(),
    )


def means(output):
    return output.fused.mean, output.mel, output.cochleagram


@pytest.mark.parametrize("size", [SMALL, CONVOLUTIONAL])
@pytest.mark.parametrize("frames", [1, 44, 87, 258])
def test_windows_of_any_length_are_predicted(frames, size):
    output = network(size=size).eval()(*views(3, frames))
    for prediction in (*means(output), output.fused.std):
        assert prediction.shape == (3, 2)
        assert torch.isfinite(prediction).all()
    assert output.embedding.shape == (3, 16)


@pytest.mark.parametrize("scale", [0.0, 1.0, 100.0])
def test_predictions_are_in_range(scale):
    mel, cochleagram = views(4)
    output = network().eval()(scale * mel - 18.0, scale * cochleagram)
    assert all((mean.abs() <= 1.0).all() for mean in means(output))
    assert (output.fused.std > 0.0).all()


@pytest.mark.parametrize("size", [SMALL, CONVOLUTIONAL])
@pytest.mark.parametrize("frames", [44, 87, 88])
def test_a_prediction_does_not_depend_on_the_batch_size(frames, size):
    model = network(size=size).eval()
    mel, cochleagram = views(5, frames)
    together = model(mel, cochleagram).fused
    for row in range(5):
        alone = model(mel[row : row + 1], cochleagram[row : row + 1]).fused
        torch.testing.assert_close(alone.mean[0], together.mean[row], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(alone.std[0], together.std[row], rtol=1e-4, atol=1e-6)


def test_evaluation_is_deterministic():
    model = network().eval()
    first, second = model(*views()), model(*views())
    assert torch.equal(first.fused.mean, second.fused.mean)
    assert torch.equal(first.fused.std, second.fused.std)


def test_the_same_seed_gives_the_same_weights():
    one, other = network(3).state_dict(), network(3).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_gradients_of_the_fused_head_reach_both_views():
    model = network()
    mel, cochleagram = (view.requires_grad_() for view in views())
    model(mel, cochleagram).fused.mean.sum().backward()
    assert mel.grad.abs().sum() > 0
    assert cochleagram.grad.abs().sum() > 0
    for tokens in (model.mel_tokens, model.cochleagram_tokens):
        assert tokens.embed.weight.grad.abs().sum() > 0


def test_the_heads_train_every_weight_except_the_deviation_head():
    model = network()
    sum(mean.sum() for mean in means(model(*views()))).backward()
    without = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert without == ["deviation_head.log_std.weight", "deviation_head.log_std.bias"]


def test_the_views_are_not_interchangeable():
    model = network(size=NetworkSize(mel_bands=84, width=16, heads=2)).eval()
    one, other = views()[1], views(seed=2)[1]
    assert not torch.allclose(model(one, other).fused.mean, model(other, one).fused.mean)


@pytest.mark.parametrize("which", [0, 1])
def test_each_view_changes_the_fused_prediction(which):
    model = network().eval()
    changed = list(views())
    changed[which] = changed[which] + 1.0
    assert not torch.allclose(model(*views()).fused.mean, model(*changed).fused.mean)


def test_deviations_are_constant_until_fitted():
    model = network().eval()
    assert model(*views()).fused.std.unique().tolist() == pytest.approx([0.3679], abs=1e-4)
    model.deviation_head.log_std.weight[:, 0] += 0.3
    assert len(model(*views()).fused.std.unique()) > 1


def test_saved_weights_load_with_identical_predictions(tmp_path):
    model = network().eval()
    model.mel_tokens.band_mean += 3.0
    model.deviation_head.log_std.bias += 0.5
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    loaded = network(seed=9).eval()
    loaded.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    expected, got = model(*views()).fused, loaded(*views()).fused
    assert torch.equal(expected.mean, got.mean)
    assert torch.equal(expected.std, got.std)


def test_dropout_is_off_in_evaluation():
    model = network()
    torch.manual_seed(5)
    assert not torch.equal(model(*views()).fused.mean, model(*views()).fused.mean)
    model.eval()
    assert torch.equal(model(*views()).fused.mean, model(*views()).fused.mean)


VARIANTS = [
    NetworkSize(width=16, heads=2, fusion="concatenation"),
    NetworkSize(width=16, heads=2, views="mel"),
    NetworkSize(width=16, heads=2, views="cochleagram"),
]
DEEPER = [
    NetworkSize(width=16, heads=2, layers=2),
    NetworkSize(width=16, heads=2, self_attention_layers=1),
    NetworkSize(width=16, heads=2, self_attention_layers=1, gated=True),
]


@pytest.mark.parametrize("size", VARIANTS)
def test_ablations_have_about_as_many_parameters(size):
    counts = [
        sum(weight.numel() for weight in network(size=one).parameters()) for one in (SMALL, size)
    ]
    body = [
        sum(weight.numel() for weight in network(size=one).layers.parameters())
        for one in (SMALL, size)
    ]
    assert body[0] == body[1]
    assert counts[1] == pytest.approx(counts[0], rel=0.25)  # tokens of a view have its bands


@pytest.mark.parametrize("view", ["mel", "cochleagram"])
def test_a_single_view_network_ignores_the_other_view(view):
    model = network(size=NetworkSize(width=16, heads=2, views=view)).eval()
    mel, cochleagram = views()
    changed = (mel, cochleagram + 1.0) if view == "mel" else (mel + 1.0, cochleagram)
    model.fit_standardisation(mel, cochleagram)
    for before, after in zip(means(model(mel, cochleagram)), means(model(*changed)), strict=True):
        assert torch.equal(before, after)


def test_concatenation_fuses_the_views_in_the_fused_head_only():
    mel, cochleagram = views()
    for fusion, meet in (("dsaf", True), ("concatenation", False)):
        model = network(size=NetworkSize(width=16, heads=2, fusion=fusion)).eval()
        before, after = model(mel, cochleagram), model(mel, cochleagram + 1.0)
        assert torch.equal(before.mel, after.mel) is not meet
        assert not torch.equal(before.fused.mean, after.fused.mean)


def test_view_heads_read_one_view_alone_after_self_attention_layers():
    mel, cochleagram = views()
    model = network(size=NetworkSize(width=16, heads=2, self_attention_layers=1)).eval()
    before, after = model(mel, cochleagram), model(mel, cochleagram + 1.0)
    assert torch.equal(before.mel, after.mel)
    assert not torch.equal(before.cochleagram, after.cochleagram)
    assert not torch.equal(before.fused.mean, after.fused.mean)
    last = model(mel + 1.0, cochleagram)
    assert torch.equal(before.cochleagram, last.cochleagram)


def test_a_self_attention_layer_has_as_many_parameters_as_a_dsaf_layer():
    counts = [sum(weight.numel() for weight in network(size=one).parameters()) for one in DEEPER]
    assert counts[0] == counts[1] < counts[2]


@pytest.mark.parametrize("change", [{"fusion": "sum"}, {"views": "nothing"}, {"tokens": "words"}])
def test_an_unknown_variant_is_refused(change):
    with pytest.raises(ValueError, match=next(iter(change.values()))):
        NetworkSize(**change)


@pytest.mark.parametrize(
    "change",
    [
        *({"heads": 3}, {"heads": 0}, {"width": 0}, {"width": 65, "heads": 5}, {"layers": 0}),
        *({"token_frames": 0}, {"self_attention_layers": -1}, {"dropout": 1.0}),
    ],
)
def test_an_invalid_size_is_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        NetworkSize(**change)


@pytest.mark.parametrize("size", [SMALL, CONVOLUTIONAL, *VARIANTS, *DEEPER])
def test_attention_maps_are_distributions_over_the_context(size):
    model = network(size=size).eval()
    mel, cochleagram = views(frames=120)
    model.fit_standardisation(mel, cochleagram)
    for maps in model.attention_maps(mel, cochleagram):
        for weights in maps:
            assert weights.shape[:2] == (2, 2)
            torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:3]))
    changed = model.attention_maps(mel, cochleagram + torch.randn_like(cochleagram))[0][0]
    same = torch.equal(changed, model.attention_maps(mel, cochleagram)[0][0])
    assert same is (size.fusion == "concatenation" or size.views == "mel")


def test_checkpoint_keys_survive_a_round_trip():
    size = NetworkSize(self_attention_layers=2, views="mel")
    stored = size.to_stored()
    assert (stored["own_layers"], stored["hears"]) == (2, "mel")
    assert NetworkSize.from_stored(stored) == NetworkSize.from_stored(asdict(size)) == size


def test_self_attention_layers_keep_their_checkpoint_key():
    model = network(size=NetworkSize(width=16, heads=2, self_attention_layers=1))
    assert any(key.startswith("own_layers.0.mel.") for key in model.state_dict())
