"""DSAF: cross-attention in both directions."""

import pytest
import torch

from damer.nn import DSAFLayer

WIDTH = 16


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return DSAFLayer(WIDTH, heads=4, dropout=0.0).eval()


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
