"""The network of DAMER: tokens of two views, DSAF layers, a fused head and a head for each view."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, cast, get_args

import torch
from torch import Tensor, nn

from damer.nn.dsaf import DSAFLayer, ViewTokens

Fusion = Literal["dsaf", "concatenation"]
Hearing = Literal["both", "mel", "cochleagram"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSize:
    """Numbers that shape the network.

    Attributes
    ----------
    mel_bands, gammatone_channels
        Bands of the two views.
    token_frames
        Frames of a token.
    width, heads, layers
        Size of a token, attention heads, DSAF layers.
    own_layers
        Layers before them in which each view asks itself. Where there are any, the heads of the
        views stand here and hear one view alone.
    gated
        Whether tokens decide how much of the other view's answer they take.
    dropout
        Rate inside the layers and before the heads.
    fusion
        "dsaf", or "concatenation": no view asks the other, they meet in the fused head only.
    hears
        "both" views, or one of them in both streams. For ablation, like "concatenation".
    """

    mel_bands: int = 128
    gammatone_channels: int = 84
    token_frames: int = 8
    width: int = 64
    heads: int = 4
    layers: int = 1
    own_layers: int = 0
    gated: bool = False
    dropout: float = 0.3
    fusion: Fusion = "dsaf"
    hears: Hearing = "both"

    def __post_init__(self) -> None:
        if self.fusion not in get_args(Fusion) or self.hears not in get_args(Hearing):
            raise ValueError(f"fusion is {self.fusion!r} and hears is {self.hears!r}")
        counts = ("mel_bands", "gammatone_channels", "token_frames", "width", "heads", "layers")
        if small := [name for name in counts if getattr(self, name) < 1]:
            raise ValueError(f"{small[0]} must be at least 1")
        if self.own_layers < 0 or not 0.0 <= self.dropout < 1.0:
            raise ValueError("own_layers must not be negative, and dropout lie in [0, 1)")
        if self.width % 2 or self.width % self.heads:
            raise ValueError(f"width {self.width} is odd or no multiple of heads, {self.heads}")


class FusedOutput(NamedTuple):
    """What is felt.

    Attributes
    ----------
    mean
        Valence and arousal in [-1, 1], shape (B, 2).
    std
        Standard deviations, positive, shape (B, 2).
    """

    mean: Tensor
    std: Tensor


class NetworkOutput(NamedTuple):
    """Answers of the fused head and of the views alone, and what they are drawn from.

    Attributes
    ----------
    fused
        Valence and arousal with their deviations.
    mel, cochleagram
        Valence and arousal from one view's tokens, in [-1, 1], (B, 2).
    embedding, mel_embedding, cochleagram_embedding
        What they are drawn from, (B, width).
    """

    fused: FusedOutput
    mel: Tensor
    cochleagram: Tensor
    embedding: Tensor
    mel_embedding: Tensor
    cochleagram_embedding: Tensor


class Head(nn.Module):
    """Valence and arousal from an embedding."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.mean = nn.Linear(width, 2)

    def forward(self, embedding: Tensor) -> Tensor:
        """Answer for embeddings (B, width), in [-1, 1], (B, 2)."""
        return torch.tanh(self.mean(self.dropout(embedding)))


class DeviationHead(nn.Module):
    """Standard deviations from an embedding.

    They are not learnt with the rest, whose errors in training are too small, but fitted afterwards
    to errors on music that was held out. Until then every deviation is 0.37.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.log_std = nn.Linear(width, 2).requires_grad_(False)
        nn.init.zeros_(self.log_std.weight)
        nn.init.constant_(self.log_std.bias, -1.0)

    def forward(self, embedding: Tensor) -> Tensor:
        """Give deviations for embeddings (B, width), (B, 2)."""
        return self.log_std(embedding).clamp(-3.0, 0.5).exp()  # type: ignore[no-any-return]


class DAMER(nn.Module):
    """Dual-view Adaptive Music Emotion Recogniser.

    Implements the DAMER design its abstract describes (Li, Chen, Zhang, arXiv 2512.13998); every
    size is ours. Takes windows of any number of frames T.
    """

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        self.size = size
        width = size.width
        bands = {"mel": size.mel_bands, "cochleagram": size.gammatone_channels}
        first, second = ("mel", "cochleagram") if size.hears == "both" else (size.hears, size.hears)
        self.mel_tokens = ViewTokens(bands[first], width, size.token_frames)
        self.cochleagram_tokens = ViewTokens(bands[second], width, size.token_frames)
        self.own_layers = nn.ModuleList(
            DSAFLayer(width, size.heads, size.dropout, cross=False) for _ in range(size.own_layers)
        )
        cross = size.fusion == "dsaf"
        self.layers = nn.ModuleList(
            DSAFLayer(width, size.heads, size.dropout, cross=cross, gated=size.gated)
            for _ in range(size.layers)
        )
        self.mel_norm = nn.LayerNorm(width)
        self.cochleagram_norm = nn.LayerNorm(width)
        self.fuse = nn.Sequential(nn.Linear(4 * width, width), nn.GELU(), nn.LayerNorm(width))
        self.fused_head = Head(width, size.dropout)
        self.deviation_head = DeviationHead(width)
        self.mel_head = Head(width, size.dropout)
        self.cochleagram_head = Head(width, size.dropout)

    def forward(self, mel: Tensor, cochleagram: Tensor) -> NetworkOutput:
        """Answer for windows of both views.

        Parameters
        ----------
        mel
            Log-Mel frames, (B, mel_bands, T).
        cochleagram
            Cochleagram frames, (B, gammatone_channels, T).
        """
        alone = self._alone(mel, cochleagram)
        tokens = alone
        for layer in self.layers:
            tokens = layer(*tokens)
        met = self._norm(*tokens)
        means = [one.mean(dim=1) for one in met]  # (B, width) each
        movement = [_deviation(one) for one in met]
        fused = self.fuse(torch.cat([*means, *movement], dim=-1))
        if self.size.own_layers:
            means = [one.mean(dim=1) for one in self._norm(*alone)]
        mel_embedding, cochleagram_embedding = means
        return NetworkOutput(
            fused=FusedOutput(self.fused_head(fused), self.deviation_head(fused)),
            mel=self.mel_head(mel_embedding),
            cochleagram=self.cochleagram_head(cochleagram_embedding),
            embedding=fused,
            mel_embedding=mel_embedding,
            cochleagram_embedding=cochleagram_embedding,
        )

    def _alone(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, width) of both views before they meet."""
        mel, cochleagram = self._heard(mel, cochleagram)
        tokens = self.mel_tokens(mel), self.cochleagram_tokens(cochleagram)
        for layer in self.own_layers:
            tokens = layer(*tokens)
        return tokens

    def _norm(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        return self.mel_norm(mel), self.cochleagram_norm(cochleagram)

    def _heard(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        match self.size.hears:
            case "mel":
                return mel, mel
            case "cochleagram":
                return cochleagram, cochleagram
        return mel, cochleagram

    def attention_maps(self, mel: Tensor, cochleagram: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Who attends to whom in every DSAF layer, for pictures.

        Gives for each layer the attention of Mel tokens to cochleagram tokens and the reverse, each
        (B, heads, N, N), for windows as in `forward`.
        """
        mel, cochleagram = self._alone(mel, cochleagram)
        maps = []
        for layer in cast("list[DSAFLayer]", list(self.layers)):
            maps.append(layer.weights(mel, cochleagram))
            mel, cochleagram = layer(mel, cochleagram)
        return maps

    def standardise(self, mel: Tensor, cochleagram: Tensor) -> None:
        """Take the statistics of windows, (B, bands, T), for the standardisation of both views."""
        heard = self._heard(mel, cochleagram)
        for tokens, view in zip((self.mel_tokens, self.cochleagram_tokens), heard, strict=True):
            frames = view.transpose(0, 1).flatten(1)  # (bands, frames)
            tokens.band_mean.copy_(frames.mean(dim=1, keepdim=True))
            tokens.band_std.copy_(frames.std(dim=1, keepdim=True).clamp_min(1e-4))


def _deviation(tokens: Tensor) -> Tensor:
    """Give the standard deviation of tokens (B, N, width) over time, (B, width)."""
    centred = tokens - tokens.mean(dim=1, keepdim=True)
    return (centred.square().mean(dim=1) + 1e-5).sqrt()
