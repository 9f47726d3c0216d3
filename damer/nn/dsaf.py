"""DSAF, Dual Stream Attention Fusion: bidirectional cross attention between the two views.

The abstract of DAMER (Li, Chen, Zhang, arXiv 2512.13998) states token-level, bidirectional cross
attention between Mel spectrogram and cochleagram. Sizes, norms and residuals here are our design.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ViewTokens(nn.Module):
    """Cut one view into tokens of a few frames each.

    Bands are standardised with the training set's statistics. A window whose frames do not fill
    whole tokens is padded on the left with the mean of every band, which masks the padding.

    Parameters
    ----------
    bands
        Bands of the view.
    width
        Size of a token.
    token_frames
        Frames of a token.
    """

    band_mean: Tensor
    band_std: Tensor

    def __init__(self, bands: int, width: int, token_frames: int) -> None:
        super().__init__()
        self.token_frames = token_frames
        self.register_buffer("band_mean", torch.zeros(bands, 1))
        self.register_buffer("band_std", torch.ones(bands, 1))
        self.embed = nn.Linear(token_frames * bands, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, view: Tensor) -> Tensor:
        """Tokens (B, N, width) of a view (B, bands, T)."""
        standard = (view - self.band_mean) / self.band_std
        missing = -view.shape[-1] % self.token_frames
        padded = functional.pad(standard, (missing, 0)).transpose(1, 2)  # (B, N * frames, bands)
        # The batch must stay symbolic where the network is traced, so no len().
        patches = padded.reshape(padded.shape[0], -1, self.embed.in_features)
        tokens = self.norm(functional.gelu(self.embed(patches)))
        coded: Tensor = tokens + _time_code(tokens)
        return coded


def _time_code(tokens: Tensor) -> Tensor:
    """Sinusoidal code (N, width) of each token's distance from the window's end."""
    count, width = tokens.shape[1], tokens.shape[2]
    distance = torch.arange(count - 1, -1, -1, device=tokens.device, dtype=tokens.dtype)
    octave = torch.arange(width // 2, device=tokens.device, dtype=tokens.dtype) / (width // 2)
    angle = distance[:, None] * torch.exp2(-8.0 * octave)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class CrossAttention(nn.Module):
    """Tokens of one view ask the tokens of the other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """Answers (B, N, width) to `asking` (B, N, width) from `asked` (B, M, width)."""
        query = self._split(self.query(asking))
        key, value = (self._split(part) for part in self.key_value(asked).chunk(2, dim=-1))
        answer = functional.scaled_dot_product_attention(query, key, value)  # (B, heads, N, w/h)
        return self.out(answer.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def weights(self, asking: Tensor, asked: Tensor) -> Tensor:
        """How much each asking token attends to each asked one, (B, heads, N, M)."""
        query = self._split(self.query(asking))
        key = self._split(self.key_value(asked).chunk(2, dim=-1)[0])
        weights: Tensor = (query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(dim=-1)
        return weights

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class StreamUpdate(nn.Module):
    """One view's half of a DSAF layer: cross attention, then a feed-forward step, both residual.

    With a gate, a token decides by itself and the answer how much of the answer it takes (Arevalo
    et al., "Gated multimodal units for information fusion", 2017).
    """

    def __init__(self, width: int, heads: int, dropout: float, *, gated: bool = False) -> None:
        super().__init__()
        self.own_norm = nn.LayerNorm(width)
        self.other_norm = nn.LayerNorm(width)
        self.attention = CrossAttention(width, heads)
        self.gate = nn.Linear(2 * width, width) if gated else None
        self.step = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """Give updated tokens (B, N, width) of the own view."""
        asking = self.own_norm(own)
        answer = self.attention(asking, self.other_norm(other))
        if self.gate is not None:
            answer = answer * self.gate(torch.cat([asking, answer], dim=-1)).sigmoid()
        own = own + self.dropout(answer)
        return own + self.dropout(self.step(own))  # type: ignore[no-any-return]

    def weights(self, own: Tensor, other: Tensor) -> Tensor:
        """Attention of the own tokens to the other view's, (B, heads, N, N)."""
        return self.attention.weights(self.own_norm(own), self.other_norm(other))


class DSAFLayer(nn.Module):
    """Both directions at once: Mel tokens ask the cochleagram, cochleagram tokens ask the Mel.

    Without `cross`, each view asks itself with as many parameters: what is left without DSAF.
    """

    def __init__(
        self, width: int, heads: int, dropout: float, *, cross: bool = True, gated: bool = False
    ) -> None:
        super().__init__()
        self.cross = cross
        self.mel = StreamUpdate(width, heads, dropout, gated=gated)
        self.cochleagram = StreamUpdate(width, heads, dropout, gated=gated)

    def forward(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        """Give updated tokens of both views, each (B, N, width)."""
        asked_by_mel, asked_by_cochleagram = self._asked(mel, cochleagram)
        return self.mel(mel, asked_by_mel), self.cochleagram(cochleagram, asked_by_cochleagram)

    def weights(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        """Attention of the tokens of either view to those that they ask, each (B, heads, N, N)."""
        asked_by_mel, asked_by_cochleagram = self._asked(mel, cochleagram)
        return (
            self.mel.weights(mel, asked_by_mel),
            self.cochleagram.weights(cochleagram, asked_by_cochleagram),
        )

    def _asked(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        return (cochleagram, mel) if self.cross else (mel, cochleagram)
