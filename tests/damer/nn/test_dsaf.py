"""Test DSAF: tokens of both views, and cross-attention in both directions."""

import pytest
import torch

from damer.nn import DSAFLayer, ViewTokens

BANDS, WIDTH, FRAMES = 6, 16, 8


@pytest.fixture
def tokens():
    """Tokens of a view whose bands have different statistics."""
    torch.manual_seed(0)
    module = ViewTokens(BANDS, WIDTH, FRAMES)
    module.band_mean.copy_(torch.randn(BANDS, 1))
    module.band_std.copy_(torch.rand(BANDS, 1) + 0.5)
    return module


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return DSAFLayer(WIDTH, heads=4, dropout=0.0).eval()


@pytest.mark.parametrize(
    ("frames", "count"), [(1, 1), (7, 1), (8, 1), (9, 2), (44, 6), (87, 11), (258, 33)]
)
def test_any_number_of_frames_is_padded_to_full_tokens(tokens, frames, count):
    assert tokens(torch.randn(3, BANDS, frames)).shape == (3, count, WIDTH)


@pytest.mark.parametrize("frames", [1, 5, 44, 87])
def test_missing_frames_are_padded_with_band_means(tokens, frames):
    view = torch.randn(2, BANDS, frames)
    missing = -frames % FRAMES
    padding = tokens.band_mean.expand(2, BANDS, missing)
    torch.testing.assert_close(tokens(view), tokens(torch.cat([padding, view], dim=-1)))


def test_a_token_depends_on_its_own_frames_only(tokens):
    view = torch.randn(1, BANDS, 5 * FRAMES)
    changed = view.clone()
    changed[:, :, 2 * FRAMES : 3 * FRAMES] += 1.0
    differs = (tokens(view) != tokens(changed)).any(dim=-1)[0]
    assert differs.tolist() == [False, False, True, False, False]


def test_positions_count_from_the_end_of_the_window(tokens):
    view = torch.randn(1, BANDS, 5 * FRAMES)
    longer = torch.cat([torch.randn(1, BANDS, 2 * FRAMES), view], dim=-1)
    torch.testing.assert_close(tokens(longer)[:, 2:], tokens(view))


def test_equal_frames_at_different_times_have_different_tokens(tokens):
    first, second = tokens(torch.ones(1, BANDS, 2 * FRAMES))[0]
    assert not torch.allclose(first, second)


def test_bands_are_standardised(tokens):
    view = torch.randn(1, BANDS, FRAMES)
    scaled = view * tokens.band_std + tokens.band_mean
    plain = ViewTokens(BANDS, WIDTH, FRAMES)
    plain.embed, plain.norm = tokens.embed, tokens.norm
    torch.testing.assert_close(tokens(scaled), plain(view), rtol=1e-4, atol=1e-5)


def test_each_view_attends_to_the_other(layer):
    mel, cochleagram = torch.randn(1, 4, WIDTH), torch.randn(1, 4, WIDTH)
    new_mel, new_cochleagram = layer(mel, cochleagram)
    other_mel = layer(torch.randn(1, 4, WIDTH), cochleagram)
    other_cochleagram = layer(mel, torch.randn(1, 4, WIDTH))
    assert not torch.allclose(other_cochleagram[0], new_mel)
    assert not torch.allclose(other_mel[1], new_cochleagram)


def test_a_token_attends_to_every_token_of_the_other_view(layer):
    mel = torch.randn(1, 4, WIDTH)
    cochleagram = torch.randn(1, 5, WIDTH, requires_grad=True)
    layer(mel, cochleagram)[0][0, 0].square().sum().backward()
    assert (cochleagram.grad[0].abs().sum(dim=-1) > 0).all()


def test_the_two_directions_have_separate_weights(layer):
    one, other = torch.randn(1, 4, WIDTH), torch.randn(1, 4, WIDTH)
    swapped = layer(other, one)
    assert not torch.allclose(layer(one, other)[0], swapped[1])


def test_views_may_have_different_numbers_of_tokens(layer):
    mel, cochleagram = layer(torch.randn(2, 3, WIDTH), torch.randn(2, 7, WIDTH))
    assert mel.shape == (2, 3, WIDTH)
    assert cochleagram.shape == (2, 7, WIDTH)


@torch.no_grad()
def test_the_gate_scales_the_attention_output():
    torch.manual_seed(0)
    gated, plain = (
        DSAFLayer(WIDTH, heads=4, dropout=0.0, gated=gate).eval() for gate in (True, False)
    )
    plain.load_state_dict(gated.state_dict(), strict=False)
    mel, cochleagram = torch.randn(1, 4, WIDTH), torch.randn(1, 4, WIDTH)
    for stream in (gated.mel, gated.cochleagram):
        stream.gate.weight.zero_()
        stream.gate.bias.fill_(30.0)
    for ours, open_wide in zip(gated(mel, cochleagram), plain(mel, cochleagram), strict=True):
        torch.testing.assert_close(ours, open_wide)
    gated.mel.gate.bias.fill_(-30.0)
    shut = gated(mel, cochleagram)[0]
    torch.testing.assert_close(shut, gated(mel, torch.randn(1, 4, WIDTH))[0])
