"""Tokens of one view: linear patches of frames, or convolutional features.

Shapes: B windows, T frames, N tokens, `width` numbers a token. Tokens are aligned with the end of a
window, and each depends on a fixed number of frames before it, so a stream may compute each once.
Module attributes are keys of checkpoints: renaming one breaks stored weights.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

TOKEN_FRAMES = 8
"""Frames between two convolutional tokens."""

_FILTER_SHARES = (0.35, 0.7)  # heights of the two banks of vertical filters, of the bands
_VERTICAL_FILTERS, _TEMPORAL_FILTERS = 32, 16  # a bank
_VERTICAL_FRAMES, _TEMPORAL_FRAMES = 8, 64
_BAND_STEP, _FRAME_STEP = 8, 4
_KERNEL = 5  # of the convolutions over time


class _Standardisation(nn.Module):
    """Standardisation of bands by the training set's statistics, with padding on the left."""

    band_mean: Tensor
    band_std: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.register_buffer("band_mean", torch.zeros(bands, 1))
        self.register_buffer("band_std", torch.ones(bands, 1))

    def standardise(self, view: Tensor, missing: int) -> Tensor:
        """Standardise a view (B, bands, T); pad it to T + `missing` frames by the bands' means."""
        return functional.pad((view - self.band_mean) / self.band_std, (missing, 0))


class PatchTokens(_Standardisation):
    """Tokeniser by one linear map of a few standardised frames per token.

    A window whose frames do not fill whole tokens is padded on the left with the mean of every
    band, which masks the padding.

    Parameters
    ----------
    bands
        Bands of the view.
    width
        Numbers per token.
    token_frames
        Frames per token.
    """

    def __init__(self, bands: int, width: int, token_frames: int) -> None:
        super().__init__(bands)
        self.token_frames = token_frames
        self.embed = nn.Linear(token_frames * bands, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, view: Tensor) -> Tensor:
        """Return the tokens (B, N, width) of a view (B, bands, T); N = ceil(T / token_frames)."""
        padded = self.standardise(view, -view.shape[-1] % self.token_frames)
        padded = padded.transpose(1, 2)  # (B, N*frames, bands)
        # The batch size must stay symbolic when the network is traced, so no len().
        patches = padded.reshape(padded.shape[0], -1, self.embed.in_features)
        tokens = self.norm(functional.gelu(self.embed(patches)))
        encoded: Tensor = tokens + _positional_encoding(tokens)
        return encoded


class ConvolutionalTokens(_Standardisation):
    """Tokeniser by convolutions that tolerate transposition.

    Vertical filters are shared along the frequency axis, and the maximum over it is kept; long
    filters over the mean of the bands follow rhythm (Pons and Serra, "Designing efficient
    architectures for modeling temporal features with convolutional neural networks", ICASSP 2017).
    Two convolutions over time follow. Norms are over channels, never over time or the batch.

    A token depends on `RECEPTIVE_FRAMES` frames. A shorter window, or one with a remainder, is
    padded on the left with the mean of every band.

    Parameters
    ----------
    bands
        Bands of the view.
    width
        Numbers per token.
    """

    RECEPTIVE_FRAMES = _TEMPORAL_FRAMES + 2 * (_KERNEL - 1) * _FRAME_STEP

    def __init__(self, bands: int, width: int) -> None:
        super().__init__(bands)
        heights = [max(1, round(share * bands)) for share in _FILTER_SHARES]
        self.vertical = nn.ModuleList(
            nn.Conv2d(
                1,
                _VERTICAL_FILTERS,
                (height, _VERTICAL_FRAMES),
                stride=(_BAND_STEP, _FRAME_STEP),
            )
            for height in heights
        )
        self.temporal = nn.Conv1d(1, _TEMPORAL_FILTERS, _TEMPORAL_FRAMES, stride=_FRAME_STEP)
        channels = len(heights) * _VERTICAL_FILTERS + _TEMPORAL_FILTERS
        self.feature_norm = nn.LayerNorm(channels)
        self.first = nn.Conv1d(channels, width, _KERNEL)
        self.first_norm = nn.LayerNorm(width)
        self.second = nn.Conv1d(width, width, _KERNEL, stride=TOKEN_FRAMES // _FRAME_STEP)
        self.norm = nn.LayerNorm(width)

    def forward(self, view: Tensor) -> Tensor:
        """Return the tokens (B, N, width) of a view (B, bands, T), one every `TOKEN_FRAMES`."""
        frames = view.shape[-1]
        missing = max(self.RECEPTIVE_FRAMES - frames, 0)
        missing += -(frames + missing - self.RECEPTIVE_FRAMES) % TOKEN_FRAMES
        padded = self.standardise(view, missing)
        long = self.temporal(padded.mean(dim=1, keepdim=True))  # (B, filters, positions)
        image = padded.unsqueeze(1)[..., _TEMPORAL_FRAMES - _VERTICAL_FRAMES :]
        short = [bank(image).amax(dim=2) for bank in self.vertical]  # (B, filters, positions) each
        features = torch.cat([*short, long], dim=1).relu()
        hidden = self.first(_over_channels(self.feature_norm, features))
        hidden = _over_channels(self.first_norm, functional.gelu(hidden))
        tokens = self.norm(functional.gelu(self.second(hidden)).transpose(1, 2))
        encoded: Tensor = tokens + _positional_encoding(tokens)
        return encoded


def _over_channels(norm: nn.Module, features: Tensor) -> Tensor:
    """Normalise features (B, channels, positions) over their channels."""
    normalised: Tensor = norm(features.transpose(1, 2)).transpose(1, 2)
    return normalised


def _positional_encoding(tokens: Tensor) -> Tensor:
    """Sinusoidal encoding (N, width) of each token's distance from the window's end."""
    count, width = tokens.shape[1], tokens.shape[2]
    distance = torch.arange(count - 1, -1, -1, device=tokens.device, dtype=tokens.dtype)
    octave = torch.arange(width // 2, device=tokens.device, dtype=tokens.dtype) / (width // 2)
    angle = distance[:, None] * torch.exp2(-8.0 * octave)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
