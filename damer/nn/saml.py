"""SAML, Style Anchored Memory Learning: contrastive loss against a memory queue.

The abstract of DAMER (Li, Chen, Zhang, arXiv 2512.13998) states a contrastive memory queue against
the drift of features from track to track. What is stored, what an anchor is and what the contrast
weighs are our design.

While a network trains, a whole style moves in the embedding space and its stored embeddings become
stale. So the memory stores each embedding relative to its style's anchor, a moving centroid, and
returns it relative to the current anchor:

    kept = e - a_style(then),   key = kept + a_style(now)

The contrast pulls an embedding towards stored ones of similar emotion from other tracks. With
cosines s_ij and valence/arousal y, over all keys j of other tracks than that of i:

    w_ij = exp(-|y_i - y_j|^2 / (2 h^2)) / sum_k exp(-|y_i - y_k|^2 / (2 h^2))
    loss_i = -sum_j w_ij log(exp(s_ij / T) / sum_k exp(s_ik / T)) - H(w_i)

(after Khosla et al., "Supervised contrastive learning", NeurIPS 2020, and Dufumier et al., MICCAI
2021). A track is neither its own positive nor its own negative. Subtracting the entropy H makes the
minimum 0. With `across = "styles"` the keys are of other styles too, so the sound of a style does
not help to find similar emotion.

Shapes: B windows, n stored entries, `width` numbers an embedding.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

Across = Literal["tracks", "styles"]


class MemoryEntries(NamedTuple):
    """Entries of a memory; their order is that of the buffer, not of age.

    Attributes
    ----------
    embedding
        Relative to the current anchors, (n, width).
    label
        Valence and arousal in [-1, 1], (n, 2).
    track, style
        Track and style numbers, (n,).
    """

    embedding: Tensor
    label: Tensor
    track: Tensor
    style: Tensor


class StyleAnchoredMemory(nn.Module):
    """First-in first-out queue of labelled embeddings, each relative to its style's anchor.

    Parameters
    ----------
    size
        Largest number of entries, at least 1.
    width
        Numbers per embedding.
    styles
        Number of styles, at least 1; style numbers are 0 to `styles` - 1.
    anchor_decay
        Decay of a style's anchor per batch with that style, in [0, 1). Default: 0.99.

    Raises
    ------
    ValueError
        A parameter is out of range.
    """

    # Buffers; their names are keys of checkpoints.
    kept: Tensor  # embeddings relative to their style's anchor, (size, width)
    label: Tensor  # (size, 2)
    track: Tensor  # (size,), -1 where empty
    style: Tensor  # (size,)
    anchor: Tensor  # (styles, width)
    heard: Tensor  # whether a style has an anchor, bool, (styles,)
    count: Tensor  # number of entries
    place: Tensor  # index of the next write

    def __init__(self, size: int, width: int, styles: int, anchor_decay: float = 0.99) -> None:
        super().__init__()
        if size < 1 or styles < 1:
            raise ValueError("size and styles of a memory must be at least 1")
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
    def enqueue(self, embedding: Tensor, label: Tensor, track: Tensor, style: Tensor) -> None:
        """Update the anchors and store a batch; the oldest entries are overwritten.

        Parameters
        ----------
        embedding
            Of the momentum encoder, (B, width).
        label
            Valence and arousal in [-1, 1], (B, 2).
        track, style
            Track and style numbers, (B,).
        """
        self._update_anchors(embedding, style)
        size = len(self.kept)
        newest = slice(max(0, len(embedding) - size), None)
        embedding, label, track, style = (part[newest] for part in (embedding, label, track, style))
        rows = (self.place + torch.arange(len(embedding), device=self.kept.device)) % size
        self.kept[rows] = embedding - self.anchor[style]
        self.label[rows] = label.to(self.label)
        self.track[rows] = track
        self.style[rows] = style
        self.place.copy_((self.place + len(embedding)) % size)
        self.count.copy_(torch.clamp(self.count + len(embedding), max=size))

    def _update_anchors(self, embedding: Tensor, style: Tensor) -> None:
        for number in sorted(set(style.tolist())):
            centroid = embedding[style == number].mean(dim=0)
            decay = self.anchor_decay if self.heard[number] else 0.0
            self.anchor[number] = decay * self.anchor[number] + (1.0 - decay) * centroid
            self.heard[number] = True

    def entries(self) -> MemoryEntries:
        """Return all entries, their embeddings relative to the current anchors."""
        filled = slice(0, int(self.count))
        style = self.style[filled]
        embedding = self.kept[filled] + self.anchor[style]
        return MemoryEntries(embedding, self.label[filled], self.track[filled], style)


def contrastive_loss(
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
    """Return the module's contrastive loss, the mean over windows that have a key; else 0.

    Parameters
    ----------
    embedding
        Of the network in training, (B, width).
    label, track, style
        Valence and arousal (B, 2) and numbers (B,) of the same windows.
    memory
        Source of the keys; no gradient reaches it.
    temperature, bandwidth
        T and h, positive. Default: 0.2, 0.25.
    across
        "tracks": keys are of other tracks than the window's. "styles": of other styles as well.
        Default: "tracks".
    """
    keys = memory.entries()
    allowed = track[:, None] != keys.track[None]  # (B, n)
    if across == "styles":
        allowed &= style[:, None] != keys.style[None]
    usable = allowed.any(dim=1)
    if not usable.any():
        return embedding.sum() * 0.0
    embedding, label, excluded = embedding[usable], label[usable], ~allowed[usable]
    cosine = functional.normalize(embedding, dim=1) @ functional.normalize(keys.embedding, dim=1).T
    scores = (cosine / temperature).masked_fill(excluded, -torch.inf).log_softmax(dim=1)
    distance = torch.cdist(label, keys.label.to(label)).square()
    weight = (-distance / (2.0 * bandwidth**2)).masked_fill(excluded, -torch.inf).softmax(dim=1)
    minimum = torch.special.xlogy(weight, weight).sum(dim=1)
    losses: Tensor = minimum - (weight * scores.masked_fill(excluded, 0.0)).sum(dim=1)
    return losses.mean()


@torch.no_grad()
def update_momentum_encoder(momentum: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the momentum encoder's weights towards the network's, in place; copy the buffers.

    He et al., "Momentum contrast for unsupervised visual representation learning", CVPR 2020.

    Parameters
    ----------
    momentum, network
        Modules of the same architecture.
    decay
        Fraction of its own weights that the momentum encoder keeps, in [0, 1].
    """
    for weight, newer in zip(momentum.parameters(), network.parameters(), strict=True):
        weight.lerp_(newer, 1.0 - decay)
    for buffer, current in zip(momentum.buffers(), network.buffers(), strict=True):
        buffer.copy_(current)
