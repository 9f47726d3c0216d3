"""Tokens of one view: linear patches and convolutional tokens."""

import pytest
import torch

from damer.nn import ConvolutionalTokens, PatchTokens
from damer.nn.tokens import TOKEN_FRAMES

BANDS, WIDTH, FRAMES = 6, 16, 8
RECEPTIVE = ConvolutionalTokens.RECEPTIVE_FRAMES


@pytest.fixture
def tokens():
    """Patch tokens of a view whose bands differ in level and spread."""
    torch.manual_seed(0)
    module = PatchTokens(BANDS, WIDTH, FRAMES)
    module.band_mean.copy_(torch.randn(BANDS, 1))
    module.band_std.copy_(torch.rand(BANDS, 1) + 0.5)
    return module


@pytest.mark.parametrize(
    ("frames", "count"), [(1, 1), (7, 1), (8, 1), (9, 2), (44, 6), (87, 11), (258, 33)]
)
def test_any_number_of_frames_fills_whole_tokens(tokens, frames, count):
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
    plain = PatchTokens(BANDS, WIDTH, FRAMES)
    plain.embed, plain.norm = tokens.embed, tokens.norm
    torch.testing.assert_close(tokens(scaled), plain(view), rtol=1e-4, atol=1e-5)


@pytest.fixture
def convolutional():
    """Convolutional tokens of a view of 40 bands."""
    torch.manual_seed(0)
    return ConvolutionalTokens(40, WIDTH).eval()


@pytest.mark.parametrize(
    ("frames", "count"), [(1, 1), (96, 1), (97, 2), (104, 2), (256, 21), (258, 22)]
)
def test_convolutional_tokens_fill_the_window(convolutional, frames, count):
    assert convolutional(torch.randn(2, 40, frames)).shape == (2, count, WIDTH)


def test_a_convolutional_token_depends_on_its_receptive_frames_only(convolutional):
    view = torch.randn(1, 40, RECEPTIVE + 20 * TOKEN_FRAMES)
    changed = view.clone()
    changed[:, :, 100] += 5.0
    differs = (convolutional(view) != convolutional(changed)).any(dim=-1)[0]
    ends = [RECEPTIVE + number * TOKEN_FRAMES for number in range(21)]
    assert differs.tolist() == [end - RECEPTIVE <= 100 < end for end in ends]


def test_earlier_frames_change_no_convolutional_token(convolutional):
    view = torch.randn(1, 40, RECEPTIVE + 10 * TOKEN_FRAMES)
    for earlier in (TOKEN_FRAMES, 5 * TOKEN_FRAMES):
        longer = torch.cat([torch.randn(1, 40, earlier), view], dim=-1)
        torch.testing.assert_close(convolutional(longer)[:, -11:], convolutional(view))


def test_missing_frames_of_convolutional_tokens_are_band_means(convolutional):
    convolutional.band_mean.copy_(torch.randn(40, 1))
    view = torch.randn(2, 40, 50)
    padding = convolutional.band_mean.expand(2, 40, RECEPTIVE - 50)
    torch.testing.assert_close(
        convolutional(view), convolutional(torch.cat([padding, view], dim=-1))
    )
