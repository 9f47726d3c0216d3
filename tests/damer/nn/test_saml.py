"""The memory keeps its order and its exclusions; the contrast keeps its equation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from damer.nn import DAMER, NetworkSize
from damer.nn.saml import StyleAnchoredMemory, contrast, follow

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
def test_the_last_that_came_in_are_remembered(batches, size):
    queue = memory(size)
    number = 0
    for count in batches:
        queue.remember(*batch(count, seed=number, tracks=range(number, number + count)))
        number += count
    tracks = queue.recall().track
    assert len(queue) == min(number, size)
    assert sorted(tracks.tolist()) == list(range(max(0, number - size), number))


def test_a_batch_larger_than_the_memory_leaves_its_end():
    queue = memory(4)
    queue.remember(*batch(10))
    assert sorted(queue.recall().track.tolist()) == [6, 7, 8, 9]


def test_what_is_remembered_comes_back_with_what_was_said_of_it():
    queue = memory()
    embedding, label, track, style = batch(5)
    queue.remember(embedding, label, track, style)
    keys, labels, tracks, _ = queue.recall()
    torch.testing.assert_close(keys, embedding)
    assert torch.equal(labels, label)
    assert torch.equal(tracks, track)


def test_memories_move_with_their_style():
    queue = memory(anchor_decay=0.5)
    first = batch(4, style=0)
    other = batch(4, seed=1, style=1)
    queue.remember(*first)
    queue.remember(*other)
    shifted = (first[0] + 3.0, *first[1:])
    queue.remember(*shifted)
    keys = queue.recall().embedding
    torch.testing.assert_close(keys[:4], first[0] + 1.5)  # the anchor has gone half of the way
    torch.testing.assert_close(keys[4:8], other[0])
    torch.testing.assert_close(keys[8:], shifted[0])


def test_an_anchor_begins_at_the_first_that_is_heard():
    queue = memory()
    embedding, *rest = batch(6)
    queue.remember(embedding, *rest)
    torch.testing.assert_close(queue.anchor[0], embedding.mean(dim=0))
    assert queue.heard.tolist() == [True, False]


def test_a_memory_outlives_a_save():
    queue, again = memory(), memory()
    queue.remember(*batch(5))
    again.load_state_dict(queue.state_dict())
    assert len(again) == 5
    assert torch.equal(again.recall().embedding, queue.recall().embedding)


def filled(seed=3, tracks=range(100, 112)):
    queue = memory()
    queue.remember(*batch(12, seed=seed, tracks=tracks))
    return queue


@pytest.mark.parametrize("across", ["tracks", "styles"])
@pytest.mark.parametrize("seed", range(3))
def test_the_contrast_against_a_direct_computation(seed, across):
    embedding, label, _, _ = batch(4, seed)
    track, style = torch.tensor([100, 101, 5, 6]), torch.tensor([0, 1, 0, 1])
    queue = filled()
    queue.remember(*batch(4, seed=4, tracks=range(200, 204), style=1))
    keys, key_labels, key_tracks, styles = (part.double().numpy() for part in queue.recall())
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
    ours = contrast(embedding, label, track, style, queue, **numbers, across=across)
    assert ours.item() == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_the_contrast_is_never_below_zero(seed):
    assert contrast(*batch(6, seed), filled(seed + 10)).item() >= 0.0


def test_embeddings_in_the_order_of_their_emotions_cost_less():
    label = torch.linspace(-0.9, 0.9, 12)[:, None].repeat(1, 2)
    angle = label[:, 0] * np.pi / 2
    ordered = torch.stack([angle.sin(), angle.cos(), *torch.zeros(6, 12)], dim=1)
    queue = memory()
    style = torch.zeros(12).long()
    queue.remember(ordered, label, torch.arange(12), style)
    tracks = torch.arange(50, 62)
    right = contrast(ordered, label, tracks, style, queue)
    wrong = contrast(ordered.flip(0), label, tracks, style, queue)
    assert right.item() < 0.5 * wrong.item()


def test_a_track_is_neither_its_own_positive_nor_its_own_negative():
    embedding, label, _, style = batch(1)
    queue = filled(tracks=[7] * 6 + list(range(20, 26)))
    before = contrast(embedding, label, torch.tensor([7]), style, queue)
    queue.kept[queue.track == 7] += 5.0
    queue.label[queue.track == 7] -= 0.5
    after = contrast(embedding, label, torch.tensor([7]), style, queue)
    assert after.item() == pytest.approx(before.item(), abs=1e-6)


@pytest.mark.parametrize("state", ["empty", "own track only"])
def test_without_another_track_there_is_no_loss_and_no_nan(state):
    queue = memory() if state == "empty" else filled(tracks=[0] * 12)
    embedding, label, _, style = batch(3)
    embedding.requires_grad_()
    loss = contrast(embedding, label, torch.zeros(3).long(), style, queue)
    loss.backward()
    assert loss.item() == 0.0
    assert not embedding.grad.any()


def test_across_styles_the_own_style_is_no_key():
    embedding, label, _, _ = batch(1)
    queue = filled()
    style = queue.style[:1]
    numbers = label, torch.tensor([99]), style
    before = contrast(embedding, *numbers, queue, across="styles")
    queue.kept[queue.style == style] += 5.0
    queue.label[queue.style == style] -= 0.5
    assert contrast(embedding, *numbers, queue, across="styles").item() == pytest.approx(
        before.item(), abs=1e-6
    )
    queue.style.fill_(int(style))
    assert contrast(embedding, *numbers, queue, across="styles").item() == 0.0


def test_only_windows_with_another_track_count():
    embedding, label, _, style = batch(2)
    queue = filled(tracks=[4] * 12)
    both = contrast(embedding, label, torch.tensor([4, 5]), style, queue)
    alone = contrast(embedding[1:], label[1:], torch.tensor([5]), style[1:], queue)
    assert both.item() == pytest.approx(alone.item(), abs=1e-6)


def test_the_gradient_reaches_the_embedding_and_never_the_memory():
    embedding, *known = batch(1)
    embedding.requires_grad_()
    queue = filled()
    contrast(embedding, *known, queue).backward()
    assert embedding.grad.isfinite().all()
    assert embedding.grad.abs().sum() > 0
    assert not any(buffer.requires_grad for buffer in queue.buffers())


def test_constant_embeddings_and_labels_stay_finite():
    queue = memory()
    same = torch.zeros(4, WIDTH), torch.zeros(4, 2), torch.arange(4), torch.zeros(4).long()
    queue.remember(*same)
    embedding = torch.zeros(4, WIDTH, requires_grad=True)
    loss = contrast(embedding, *same[1:], queue)
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    assert embedding.grad.isfinite().all()


def test_the_momentum_encoder_follows():
    size = NetworkSize(width=16, heads=2)
    momentum, network = DAMER(size), DAMER(size)
    begun = momentum.fuse[0].weight.clone()
    follow(momentum, network, 0.9)
    torch.testing.assert_close(momentum.fuse[0].weight, 0.9 * begun + 0.1 * network.fuse[0].weight)
    network.mel_tokens.band_mean += 2.0
    follow(momentum, network, 0.9)
    assert torch.equal(momentum.mel_tokens.band_mean, network.mel_tokens.band_mean)


@pytest.mark.parametrize("values", [{"size": 0}, {"styles": 0}, {"anchor_decay": 1.0}])
def test_a_memory_that_makes_no_sense_is_refused(values):
    with pytest.raises(ValueError, match=r"memory|anchor_decay"):
        memory(**values)
