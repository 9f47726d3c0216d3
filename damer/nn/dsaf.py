"""DSAF, Dual Stream Attention Fusion: bidirectional cross-attention between the two views.

The abstract of DAMER (Li, Chen, Zhang, arXiv 2512.13998) states token-level, bidirectional cross
attention between Mel spectrogram and cochleagram. Sizes, norms and residuals are our design.

Shapes: B windows, N tokens of a view, M tokens of its context, `width` numbers a token.
Module attributes are keys of checkpoints: renaming one breaks stored weights.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class CrossAttention(nn.Module):
    """Multi-head attention of one view's tokens to the other view's tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, query: Tensor, context: Tensor) -> Tensor:
        """Attend from `query` (B, N, width) to `context` (B, M, width); return (B, N, width)."""
        queries = self._split_heads(self.query(query))
        keys, values = (
            self._split_heads(part) for part in self.key_value(context).chunk(2, dim=-1)
        )
        attended = functional.scaled_dot_product_attention(queries, keys, values)  # (B, h, N, w/h)
        return self.out(attended.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def attention_weights(self, query: Tensor, context: Tensor) -> Tensor:
        """Return the softmax weights (B, heads, N, M) of each query token over the context."""
        queries = self._split_heads(self.query(query))
        keys = self._split_heads(self.key_value(context).chunk(2, dim=-1)[0])
        scores = queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5
        weights: Tensor = scores.softmax(dim=-1)
        return weights

    def _split_heads(self, tokens: Tensor) -> Tensor:
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)  # (B, heads, N, w/h)


class StreamUpdate(nn.Module):
    """One view's half of a DSAF layer: cross-attention, then feed-forward, both residual.

    With `gated`, a learned gate scales the attention output per token and dimension (Arevalo et
    al., "Gated multimodal units for information fusion", 2017).
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

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """Update `tokens` (B, N, width) with attention to `context` (B, M, width)."""
        query = self.own_norm(tokens)
        attended = self.attention(query, self.other_norm(context))
        if self.gate is not None:
            attended = attended * self.gate(torch.cat([query, attended], dim=-1)).sigmoid()
        tokens = tokens + self.dropout(attended)
        return tokens + self.dropout(self.step(tokens))  # type: ignore[no-any-return]

    def attention_weights(self, tokens: Tensor, context: Tensor) -> Tensor:
        """Return the attention of `tokens` (B, N, width) to `context`, (B, heads, N, M)."""
        return self.attention.attention_weights(self.own_norm(tokens), self.other_norm(context))


class DSAFLayer(nn.Module):
    """Bidirectional cross-attention: Mel tokens attend to the cochleagram's, and the reverse.

    Parameters
    ----------
    width, heads, dropout
        Numbers per token, attention heads, dropout rate.
    cross
        False: each view attends to itself, with the same number of parameters (the ablation of
        DSAF). Default: True.
    gated
        Whether a gate scales the attention output; see `StreamUpdate`. Default: False.
    """

    def __init__(
        self, width: int, heads: int, dropout: float, *, cross: bool = True, gated: bool = False
    ) -> None:
        super().__init__()
        self.cross = cross
        self.mel = StreamUpdate(width, heads, dropout, gated=gated)
        self.cochleagram = StreamUpdate(width, heads, dropout, gated=gated)

    def forward(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        """Return the updated tokens of both views, each of the shape it came in, (B, N, width)."""
        mel_context, cochleagram_context = self._contexts(mel, cochleagram)
        return self.mel(mel, mel_context), self.cochleagram(cochleagram, cochleagram_context)

    def attention_weights(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attention of each view's tokens to their context, each (B, heads, N, M)."""
        mel_context, cochleagram_context = self._contexts(mel, cochleagram)
        return (
            self.mel.attention_weights(mel, mel_context),
            self.cochleagram.attention_weights(cochleagram, cochleagram_context),
        )

    def _contexts(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        return (cochleagram, mel) if self.cross else (mel, cochleagram)
