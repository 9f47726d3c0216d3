"""The DAMER network: tokens of two views, DSAF layers, heads for the estimate and its deviation.

Each view has a head of its own as well, used in training.
"""

from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple, Self, cast, get_args

import torch
from torch import Tensor, nn

from damer.nn.dsaf import DSAFLayer
from damer.nn.tokens import TOKEN_FRAMES, ConvolutionalTokens, PatchTokens

Fusion = Literal["dsaf", "concatenation"]
Tokens = Literal["patches", "convolutional"]
Views = Literal["both", "mel", "cochleagram"]

_STORED_NAMES = {"self_attention_layers": "own_layers", "views": "hears"}
"""Keys of recipes, checkpoints and ONNX metadata that differ from the names of the fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSize:
    """Hyperparameters that define the network's architecture.

    Attributes
    ----------
    mel_bands, gammatone_channels
        Bands of the two views, at least 1. Default: 128, 84.
    tokens
        "patches", linear maps of a few frames, or "convolutional". Default: "patches".
    token_frames
        Frames per token, at least 1; of convolutional ones always 8. Default: 8.
    width, heads, layers
        Numbers per token (even, a multiple of `heads`), attention heads, DSAF layers. Default: 64,
        4, 1.
    self_attention_layers
        Layers before DSAF in which each view attends to itself; with any, the view heads read these
        tokens and so depend on one view alone. Default: 0. Stored as `own_layers`.
    gated
        Whether a gate scales the cross-attention output. Default: False.
    dropout
        Rate inside the layers and before the heads, in [0, 1). Default: 0.3.
    fusion
        "dsaf", or "concatenation": no cross-attention, the views meet in the fused head only.
        Default: "dsaf".
    views
        "both", or one view as input of both streams (for ablation). Default: "both". Stored as
        `hears`.

    Raises
    ------
    ValueError
        A value is out of range.
    """

    mel_bands: int = 128
    gammatone_channels: int = 84
    tokens: Tokens = "patches"
    token_frames: int = 8
    width: int = 64
    heads: int = 4
    layers: int = 1
    self_attention_layers: int = 0
    gated: bool = False
    dropout: float = 0.3
    fusion: Fusion = "dsaf"
    views: Views = "both"

    def __post_init__(self) -> None:
        for name, choices in (("fusion", Fusion), ("views", Views), ("tokens", Tokens)):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}, not one of {', '.join(get_args(choices))}"
                )
        if self.tokens == "convolutional" and self.token_frames != TOKEN_FRAMES:
            raise ValueError(f"token_frames of convolutional tokens must be {TOKEN_FRAMES}")
        counts = ("mel_bands", "gammatone_channels", "token_frames", "width", "heads", "layers")
        if small := [name for name in counts if getattr(self, name) < 1]:
            raise ValueError(f"{small[0]} must be at least 1")
        if self.self_attention_layers < 0 or not 0.0 <= self.dropout < 1.0:
            raise ValueError("self_attention_layers must be at least 0, and dropout in [0, 1)")
        if self.width % 2 or self.width % self.heads:
            raise ValueError(f"width {self.width} is odd or no multiple of heads, {self.heads}")

    @staticmethod
    def rename_stored_keys(stored: dict[str, Any]) -> dict[str, Any]:
        """Rename the keys of a stored `network` table to those of the fields."""
        names = {key: name for name, key in _STORED_NAMES.items()}
        return {names.get(key, key): value for key, value in stored.items()}

    @classmethod
    def from_stored(cls, stored: dict[str, Any]) -> Self:
        """Read the `network` table of a checkpoint or of ONNX metadata.

        Raises
        ------
        TypeError, ValueError
            A key is unknown, or a value is out of range.
        """
        return cls(**cls.rename_stored_keys(stored))

    def to_stored(self) -> dict[str, Any]:
        """Return the `network` table of a checkpoint or of ONNX metadata."""
        names = [field.name for field in fields(self)]
        return {_STORED_NAMES.get(name, name): getattr(self, name) for name in names}


class FusedOutput(NamedTuple):
    """Fused prediction: mean and std, (B, 2).

    Attributes
    ----------
    mean
        Valence and arousal in [-1, 1], (B, 2).
    std
        Standard deviations, positive, (B, 2).
    """

    mean: Tensor
    std: Tensor


class NetworkOutput(NamedTuple):
    """Predictions of the fused head and of the view heads, with the embeddings they read.

    Attributes
    ----------
    fused
        Valence and arousal with standard deviations, from both views.
    mel, cochleagram
        Valence and arousal from one view's tokens, in [-1, 1], (B, 2).
    embedding, mel_embedding, cochleagram_embedding
        Inputs of the three heads, (B, width).
    """

    fused: FusedOutput
    mel: Tensor
    cochleagram: Tensor
    embedding: Tensor
    mel_embedding: Tensor
    cochleagram_embedding: Tensor


class Head(nn.Module):
    """Head that maps an embedding to valence and arousal."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.mean = nn.Linear(width, 2)

    def forward(self, embedding: Tensor) -> Tensor:
        """Predict (B, 2) in [-1, 1] from embeddings (B, width)."""
        return torch.tanh(self.mean(self.dropout(embedding)))


class DeviationHead(nn.Module):
    """Head that maps an embedding to standard deviations of valence and arousal.

    It is not trained with the rest, whose errors on training data are too small, but fitted
    afterwards to errors on held-out music. Until then every deviation is exp(-1) = 0.37.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.log_std = nn.Linear(width, 2).requires_grad_(False)
        nn.init.zeros_(self.log_std.weight)
        nn.init.constant_(self.log_std.bias, -1.0)

    def forward(self, embedding: Tensor) -> Tensor:
        """Predict (B, 2) in [exp(-3), exp(0.5)] from embeddings (B, width)."""
        return self.log_std(embedding).clamp(-3.0, 0.5).exp()  # type: ignore[no-any-return]


class DAMER(nn.Module):
    """Dual-view Adaptive Music Emotion Recogniser.

    Implements the DAMER design its abstract describes (Li, Chen, Zhang, arXiv 2512.13998); every
    size is ours. Accepts windows of any number of frames T.
    """

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        self.size = size
        width = size.width
        bands = {"mel": size.mel_bands, "cochleagram": size.gammatone_channels}
        first, second = ("mel", "cochleagram") if size.views == "both" else (size.views, size.views)
        self.mel_tokens, self.cochleagram_tokens = (
            PatchTokens(bands[view], width, size.token_frames)
            if size.tokens == "patches"
            else ConvolutionalTokens(bands[view], width)
            for view in (first, second)
        )
        self.own_layers = nn.ModuleList(  # the self-attention layers, under their checkpoint key
            DSAFLayer(width, size.heads, size.dropout, cross=False)
            for _ in range(size.self_attention_layers)
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
        """Predict valence and arousal of B windows.

        Parameters
        ----------
        mel
            Log-Mel frames, natural logarithm of power, (B, mel_bands, T).
        cochleagram
            Cochleagram frames, compressed power, (B, gammatone_channels, T).
        """
        view_tokens = self._encode_views(mel, cochleagram)
        tokens = view_tokens
        for layer in self.layers:
            tokens = layer(*tokens)
        fused_tokens = self._norm(*tokens)
        means = [each.mean(dim=1) for each in fused_tokens]  # (B, width) each
        temporal_std = [_temporal_std(each) for each in fused_tokens]  # (B, width) each
        fused = self.fuse(torch.cat([*means, *temporal_std], dim=-1))
        if self.size.self_attention_layers:
            means = [each.mean(dim=1) for each in self._norm(*view_tokens)]
        mel_embedding, cochleagram_embedding = means
        return NetworkOutput(
            fused=FusedOutput(self.fused_head(fused), self.deviation_head(fused)),
            mel=self.mel_head(mel_embedding),
            cochleagram=self.cochleagram_head(cochleagram_embedding),
            embedding=fused,
            mel_embedding=mel_embedding,
            cochleagram_embedding=cochleagram_embedding,
        )

    def _encode_views(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tokens (B, N, width) of each view before cross-attention."""
        mel, cochleagram = self._select_views(mel, cochleagram)
        tokens = self.mel_tokens(mel), self.cochleagram_tokens(cochleagram)
        for layer in self.own_layers:
            tokens = layer(*tokens)
        return tokens

    def _norm(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        return self.mel_norm(mel), self.cochleagram_norm(cochleagram)

    def _select_views(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs of the two streams: both views, or one of them twice."""
        match self.size.views:
            case "mel":
                return mel, mel
            case "cochleagram":
                return cochleagram, cochleagram
        return mel, cochleagram

    def attention_maps(self, mel: Tensor, cochleagram: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the attention weights of every DSAF layer.

        One pair per layer: Mel to cochleagram tokens and the reverse, each (B, heads, N, N).
        Parameters as in `forward`.
        """
        mel, cochleagram = self._encode_views(mel, cochleagram)
        maps = []
        for layer in cast("list[DSAFLayer]", list(self.layers)):
            maps.append(layer.attention_weights(mel, cochleagram))
            mel, cochleagram = layer(mel, cochleagram)
        return maps

    def fit_standardisation(self, mel: Tensor, cochleagram: Tensor) -> None:
        """Set each view's band means and deviations to those of windows, (B, bands, T)."""
        selected = self._select_views(mel, cochleagram)
        for tokens, view in zip((self.mel_tokens, self.cochleagram_tokens), selected, strict=True):
            frames = view.transpose(0, 1).flatten(1)  # (bands, frames)
            tokens.band_mean.copy_(frames.mean(dim=1, keepdim=True))
            tokens.band_std.copy_(frames.std(dim=1, keepdim=True).clamp_min(1e-4))


def _temporal_std(tokens: Tensor) -> Tensor:
    """Return the standard deviation over time (B, width) of tokens (B, N, width)."""
    centred = tokens - tokens.mean(dim=1, keepdim=True)
    return (centred.square().mean(dim=1) + 1e-5).sqrt()
