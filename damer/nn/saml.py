"""SAML, Style Anchored Memory Learning: contrast with a memory, against cross-track drift.

The abstract of DAMER (Li, Chen, Zhang, arXiv 2512.13998) states a contrastive memory queue against
the drift of features from track to track. What is remembered, what an anchor is and what the
contrast weighs are our design.

While a network learns, the place of a whole style in the embedding moves, and what was remembered
of it grows wrong. So the memory keeps each embedding relative to its style's anchor, a moving
centroid, and gives it back relative to where the anchor is now:

    kept = e - a_style(then),   key = kept + a_style(now)

The contrast pulls an embedding towards remembered ones of similar emotion from other tracks. With
cosines s_ij and valence/arousal y, over all keys j of other tracks than that of i:

    w_ij = exp(-|y_i - y_j|^2 / (2 h^2)) / sum_k exp(-|y_i - y_k|^2 / (2 h^2))
    loss_i = -sum_j w_ij log(exp(s_ij / T) / sum_k exp(s_ik / T)) - H(w_i)

(after Khosla et al., "Supervised contrastive learning", NeurIPS 2020, and Dufumier et al., MICCAI
2021). A track is neither its own positive nor its own negative. The entropy H makes 0 the least.
Where it goes `across` styles, the keys are of other styles too, and what a style sounds like is of
no help in finding similar emotion.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

Across = Literal["tracks", "styles"]


class Remembered(NamedTuple):
    """What a memory gives back.

    Attributes
    ----------
    embedding
        As it would be now, (n, width).
    label
        Valence and arousal, (n, 2).
    track, style
        Numbers, (n,).
    """

    embedding: Tensor
    label: Tensor
    track: Tensor
    style: Tensor


class StyleAnchoredMemory(nn.Module):
    """A queue of embeddings with what they sounded like; first in, first out.

    Parameters
    ----------
    size
        How many are remembered.
    width
        Of an embedding.
    styles
        How many styles there are; their numbers are 0 up to this.
    anchor_decay
        Share that a style's anchor keeps of itself whenever the style is heard.
    """

    kept: Tensor
    label: Tensor
    track: Tensor
    style: Tensor
    anchor: Tensor
    heard: Tensor
    count: Tensor
    place: Tensor

    def __init__(self, size: int, width: int, styles: int, anchor_decay: float = 0.99) -> None:
        super().__init__()
        if size < 1 or styles < 1:
            raise ValueError("a memory needs a size and a style")
        if not 0.0 <= anchor_decay < 1.0:
            raise ValueError("anchor_decay must lie in [0, 1)")
        self.anchor_decay = anchor_decay
        self.register_buffer("kept", torch.zeros(size, width))
        self.register_buffer("label", torch.zeros(size, 2))
        self.register_buffer("track", torch.full((size,), -1))
        self.register_buffer("style", torch.zeros(size, dtype=torch.long))
        self.register_buffer("anchor", torch.zeros(styles, width))
        self.register_buffer("heard", torch.zeros(styles, dtype=torch.bool))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))

    def __len__(self) -> int:
        return int(self.count)

    @torch.no_grad()
    def remember(self, embedding: Tensor, label: Tensor, track: Tensor, style: Tensor) -> None:
        """Take a batch in, the oldest out.

        Parameters
        ----------
        embedding
            (B, width), of the momentum encoder.
        label
            Valence and arousal, (B, 2).
        track, style
            Numbers, (B,).
        """
        self._move_anchors(embedding, style)
        size = len(self.kept)
        rows = slice(max(0, len(embedding) - size), None)
        embedding, label, track, style = (part[rows] for part in (embedding, label, track, style))
        places = (self.place + torch.arange(len(embedding), device=self.kept.device)) % size
        self.kept[places] = embedding - self.anchor[style]
        self.label[places] = label.to(self.label)
        self.track[places] = track
        self.style[places] = style
        self.place.copy_((self.place + len(embedding)) % size)
        self.count.copy_(torch.clamp(self.count + len(embedding), max=size))

    def _move_anchors(self, embedding: Tensor, style: Tensor) -> None:
        for number in sorted(set(style.tolist())):
            centre = embedding[style == number].mean(dim=0)
            decay = self.anchor_decay if self.heard[number] else 0.0
            self.anchor[number] = decay * self.anchor[number] + (1.0 - decay) * centre
            self.heard[number] = True

    def recall(self) -> Remembered:
        """Give what is remembered."""
        known = slice(0, int(self.count))
        style = self.style[known]
        keys = self.kept[known] + self.anchor[style]
        return Remembered(keys, self.label[known], self.track[known], style)


def contrast(
    embedding: Tensor,
    label: Tensor,
    track: Tensor,
    style: Tensor,
    memory: StyleAnchoredMemory,
    *,
    temperature: float = 0.2,
    bandwidth: float = 0.25,
    across: Across = "tracks",
) -> Tensor:
    """Loss of the module's equation, the mean over windows that have a key.

    Parameters
    ----------
    embedding
        (B, width), of the network that learns.
    label, track, style
        Valence and arousal (B, 2) and numbers (B,) of the same windows.
    memory
        What they are contrasted with; no gradient reaches it.
    temperature, bandwidth
        T and h.
    across
        Keys are of other "tracks" than the window's, or of other "styles" as well.
    """
    keys = memory.recall()
    allowed = track[:, None] != keys.track[None]  # (B, n)
    if across == "styles":
        allowed &= style[:, None] != keys.style[None]
    usable = allowed.any(dim=1)
    if not usable.any():
        return embedding.sum() * 0.0
    embedding, label, outside = embedding[usable], label[usable], ~allowed[usable]
    alike = functional.normalize(embedding, dim=1) @ functional.normalize(keys.embedding, dim=1).T
    scores = (alike / temperature).masked_fill(outside, -torch.inf).log_softmax(dim=1)
    apart = torch.cdist(label, keys.label.to(label)).square()
    nearness = (-apart / (2.0 * bandwidth**2)).masked_fill(outside, -torch.inf).softmax(dim=1)
    least = torch.special.xlogy(nearness, nearness).sum(dim=1)
    losses: Tensor = least - (nearness * scores.masked_fill(outside, 0.0)).sum(dim=1)
    return losses.mean()


@torch.no_grad()
def follow(momentum: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the momentum encoder's weights towards the network's; buffers are copied.

    He et al., "Momentum contrast for unsupervised visual representation learning", CVPR 2020.
    """
    for weight, newer in zip(momentum.parameters(), network.parameters(), strict=True):
        weight.lerp_(newer, 1.0 - decay)
    for buffer, known in zip(momentum.buffers(), network.buffers(), strict=True):
        buffer.copy_(known)
