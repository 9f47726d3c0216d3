"""Test SAML: order and anchors of the memory queue, equation of the contrastive loss."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from damer.nn import DAMER, NetworkSize
from damer.nn.saml import StyleAnchoredMemory, contrastive_loss, update_momentum_encoder

WIDTH = 8


def batch(count, seed=0, tracks=None, style=0, width=WIDTH):
    random = np.random.default_rng(seed)
    embedding = torch.from_numpy(random.standard_normal((count, width))).float()
    label = torch.from_numpy(random.uniform(-1, 1, (count, 2))).float()
    track = torch.tensor(list(range(count)) if tracks is None else tracks)
    return embedding, label, track, torch.full((count,), style)


def memory(size=16, styles=2, **values):
    return StyleAnchoredMemory(size, WIDTH, styles, **values)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=8), st.integers(1, 12))
def test_the_newest_entries_are_kept(batches, size):
    queue = memory(size)
    number = 0
    for count in batches:
        queue.enqueue(*batch(count, seed=number, tracks=range(number, number + count)))
        number += count
    tracks = queue.entries().track
    assert len(queue) == min(number, size)
    assert sorted(tracks.tolist()) == list(range(max(0, number - size), number))


def test_a_batch_larger_than_the_memory_keeps_its_last_rows():
    queue = memory(4)
    queue.enqueue(*batch(10))
    assert sorted(queue.entries().track.tolist()) == [6, 7, 8, 9]


def test_entries_come_back_with_their_labels_and_tracks():
    queue = memory()
    embedding, label, track, style = batch(5)
    queue.enqueue(embedding, label, track, style)
    keys, labels, tracks, _ = queue.entries()
    torch.testing.assert_close(keys, embedding)
    assert torch.equal(labels, label)
    assert torch.equal(tracks, track)


def test_entries_move_with_their_styles_anchor():
    queue = memory(anchor_decay=0.5)
    first = batch(4, style=0)
    other = batch(4, seed=1, style=1)
    queue.enqueue(*first)
    queue.enqueue(*other)
    shifted = (first[0] + 3.0, *first[1:])
    queue.enqueue(*shifted)
    keys = queue.entries().embedding
    torch.testing.assert_close(keys[:4], first[0] + 1.5)  # the anchor has moved half of the way
    torch.testing.assert_close(keys[4:8], other[0])
    torch.testing.assert_close(keys[8:], shifted[0])


def test_an_anchor_starts_at_the_centroid_of_the_first_batch():
    queue = memory()
    embedding, *rest = batch(6)
    queue.enqueue(embedding, *rest)
    torch.testing.assert_close(queue.anchor[0], embedding.mean(dim=0))
    assert queue.heard.tolist() == [True, False]


def test_a_memory_survives_saving_and_loading():
    queue, again = memory(), memory()
    queue.enqueue(*batch(5))
    again.load_state_dict(queue.state_dict())
    assert len(again) == 5
    assert torch.equal(again.entries().embedding, queue.entries().embedding)


def filled(seed=3, tracks=range(100, 112)):
    queue = memory()
    queue.enqueue(*batch(12, seed=seed, tracks=tracks))
    return queue


@pytest.mark.parametrize("across", ["tracks", "styles"])
@pytest.mark.parametrize("seed", range(3))
def test_the_loss_equals_a_direct_computation(seed, across):
    embedding, label, _, _ = batch(4, seed)
    track, style = torch.tensor([100, 101, 5, 6]), torch.tensor([0, 1, 0, 1])
    queue = filled()
    queue.enqueue(*batch(4, seed=4, tracks=range(200, 204), style=1))
    keys, key_labels, key_tracks, styles = (part.double().numpy() for part in queue.entries())
    temperature, bandwidth = 0.3, 0.4
    losses = []
    windows = embedding.double().numpy(), label.double().numpy(), track.numpy(), style.numpy()
    for e, y, own, own_style in zip(*windows, strict=True):
        allowed = key_tracks != own
        if across == "styles":
            allowed &= styles != own_style
        unit = keys[allowed] / np.linalg.norm(keys[allowed], axis=1, keepdims=True)
        alike = unit @ (e / np.linalg.norm(e)) / temperature
        score = alike - np.log(np.exp(alike).sum())
        weight = np.exp(-((key_labels[allowed] - y) ** 2).sum(axis=1) / (2 * bandwidth**2))
        weight /= weight.sum()
        losses.append((weight * (np.log(weight) - score)).sum())
    numbers = {"temperature": temperature, "bandwidth": bandwidth}
    ours = contrastive_loss(embedding, label, track, style, queue, **numbers, across=across)
    assert ours.item() == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_never_negative(seed):
    assert contrastive_loss(*batch(6, seed), filled(seed + 10)).item() >= 0.0


def test_embeddings_ordered_by_emotion_have_a_lower_loss():
    label = torch.linspace(-0.9, 0.9, 12)[:, None].repeat(1, 2)
    angle = label[:, 0] * np.pi / 2
    ordered = torch.stack([angle.sin(), angle.cos(), *torch.zeros(6, 12)], dim=1)
    queue = memory()
    style = torch.zeros(12).long()
    queue.enqueue(ordered, label, torch.arange(12), style)
    tracks = torch.arange(50, 62)
    right = contrastive_loss(ordered, label, tracks, style, queue)
    wrong = contrastive_loss(ordered.flip(0), label, tracks, style, queue)
    assert right.item() < 0.5 * wrong.item()


def test_a_track_is_neither_its_own_positive_nor_its_own_negative():
    embedding, label, _, style = batch(1)
    queue = filled(tracks=[7] * 6 + list(range(20, 26)))
    before = contrastive_loss(embedding, label, torch.tensor([7]), style, queue)
    queue.kept[queue.track == 7] += 5.0
    queue.label[queue.track == 7] -= 0.5
    after = contrastive_loss(embedding, label, torch.tensor([7]), style, queue)
    assert after.item() == pytest.approx(before.item(), abs=1e-6)


@pytest.mark.parametrize("state", ["empty", "own track only"])
def test_without_another_track_the_loss_is_zero_and_finite(state):
    queue = memory() if state == "empty" else filled(tracks=[0] * 12)
    embedding, label, _, style = batch(3)
    embedding.requires_grad_()
    loss = contrastive_loss(embedding, label, torch.zeros(3).long(), style, queue)
    loss.backward()
    assert loss.item() == 0.0
    assert not embedding.grad.any()


def test_across_styles_excludes_keys_of_the_same_style():
    embedding, label, _, _ = batch(1)
    queue = filled()
    style = queue.style[:1]
    numbers = label, torch.tensor([99]), style
    before = contrastive_loss(embedding, *numbers, queue, across="styles")
    queue.kept[queue.style == style] += 5.0
    queue.label[queue.style == style] -= 0.5
    assert contrastive_loss(embedding, *numbers, queue, across="styles").item() == pytest.approx(
        before.item(), abs=1e-6
    )
    queue.style.fill_(int(style))
    assert contrastive_loss(embedding, *numbers, queue, across="styles").item() == 0.0


def test_windows_without_a_key_are_left_out_of_the_mean():
    embedding, label, _, style = batch(2)
    queue = filled(tracks=[4] * 12)
    both = contrastive_loss(embedding, label, torch.tensor([4, 5]), style, queue)
    alone = contrastive_loss(embedding[1:], label[1:], torch.tensor([5]), style[1:], queue)
    assert both.item() == pytest.approx(alone.item(), abs=1e-6)


def test_gradients_reach_the_embedding_but_not_the_memory():
    embedding, *known = batch(1)
    embedding.requires_grad_()
    queue = filled()
    contrastive_loss(embedding, *known, queue).backward()
    assert embedding.grad.isfinite().all()
    assert embedding.grad.abs().sum() > 0
    assert not any(buffer.requires_grad for buffer in queue.buffers())


def test_constant_embeddings_and_labels_stay_finite():
    queue = memory()
    same = torch.zeros(4, WIDTH), torch.zeros(4, 2), torch.arange(4), torch.zeros(4).long()
    queue.enqueue(*same)
    embedding = torch.zeros(4, WIDTH, requires_grad=True)
    loss = contrastive_loss(embedding, *same[1:], queue)
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    assert embedding.grad.isfinite().all()


def test_the_momentum_encoder_averages_weights_and_copies_buffers():
    size = NetworkSize(width=16, heads=2)
    momentum, network = DAMER(size), DAMER(size)
    before = momentum.fuse[0].weight.clone()
    update_momentum_encoder(momentum, network, 0.9)
    torch.testing.assert_close(momentum.fuse[0].weight, 0.9 * before + 0.1 * network.fuse[0].weight)
    network.mel_tokens.band_mean += 2.0
    update_momentum_encoder(momentum, network, 0.9)
    assert torch.equal(momentum.mel_tokens.band_mean, network.mel_tokens.band_mean)


@pytest.mark.parametrize("values", [{"size": 0}, {"styles": 0}, {"anchor_decay": 1.0}])
def test_an_invalid_memory_is_refused(values):
    with pytest.raises(ValueError, match=r"memory|anchor_decay"):
        memory(**values)
