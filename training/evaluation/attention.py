"""Statistics of the cross-view attention of a fitted network over many windows."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional

from damer.nn import DAMER
from damer.views import FrontEnd, FrontEndSpec
from training.fitting.checkpoint import load_checkpoint
from training.fitting.recipe import FitRecipe
from training.reports import markdown_table

_TABLE_HEAD = (
    *("layer", "direction", "normalised entropy", "query-independent share"),
    *("distance, s (uniform)", "level r", "onset r"),
)
DIRECTIONS = ("Mel attends to cochleagram", "cochleagram attends to Mel")


class AttentionStats(NamedTuple):
    """Statistics of one direction of a layer.

    Attributes
    ----------
    entropy
        Entropy of the attention relative to that of uniform attention: 1 is uniform, 0 one token.
    shared
        Share of the attention that does not depend on the query: the sum over context tokens of the
        least attention that any query gives them, in [0, 1].
    distance
        Mean distance in seconds between query and context token.
    uniform_distance
        The same for uniform attention.
    level_r, onset_r
        Correlation, within a window, of the attention to a token with its level and with the rise
        of the level since the token before.
    """

    entropy: float
    shared: float
    distance: float
    uniform_distance: float
    level_r: float
    onset_r: float


def attention_stats(weights: Tensor, level: Tensor, token_seconds: float) -> AttentionStats:
    """Compute the statistics of attention maps.

    Parameters
    ----------
    weights
        Attention of query to context tokens, (B, heads, N, N), N at least 2.
    level
        Level of the context tokens, (B, N).
    token_seconds
        Length of a token.
    """
    count = weights.shape[-1]
    entropy = -torch.special.xlogy(weights, weights).sum(dim=-1)
    received = weights.mean(dim=(1, 2))
    rise = level.diff(dim=1, prepend=level[:, :1])
    positions = torch.arange(count)
    distance = (positions[None] - positions[:, None]).abs() * token_seconds
    return AttentionStats(
        entropy=float(entropy.mean()) / float(np.log(count)),
        shared=float(weights.amin(dim=2).sum(dim=-1).mean()),
        distance=float((weights * distance).sum(dim=-1).mean()),
        uniform_distance=float(distance.mean()),
        level_r=_mean_correlation(received, level),
        onset_r=_mean_correlation(received, rise),
    )


def _mean_correlation(one: Tensor, other: Tensor) -> float:
    """Mean over rows of the Pearson correlation of two (B, N), without constant rows."""
    centred = [values - values.mean(dim=1, keepdim=True) for values in (one, other)]
    covariance = (centred[0] * centred[1]).sum(dim=1)
    scale = centred[0].norm(dim=1) * centred[1].norm(dim=1)
    return float(torch.where(scale > 1e-9, covariance / scale, torch.nan).nanmean())


def load_fitted(path: Path) -> tuple[DAMER, FrontEndSpec]:
    """Load a network that `fit` wrote, and its front end.

    Raises
    ------
    ValueError
        The file is missing, damaged or something else; or its network has no cross-view attention,
        or takes precomputed views.
    """
    content = load_checkpoint(path)
    try:
        recipe = FitRecipe(**content["recipe"])
        network = DAMER(recipe.network)
        network.load_state_dict(content["weights"])
    except (KeyError, ValidationError, RuntimeError):
        raise ValueError(f"cannot load {path}: it was not written by `fit`") from None
    if recipe.origin != "internal":
        raise ValueError(
            f"cannot use {path}: it was fitted to precomputed views, which audio cannot give"
        )
    if recipe.network.fusion != "dsaf" or recipe.network.views != "both":
        raise ValueError(f"cannot use {path}: its network has no attention between two views")
    return network.eval(), recipe.front_end


def cut_audio_windows(audio: NDArray[np.float32], spec: FrontEndSpec) -> tuple[Tensor, Tensor]:
    """Cut mono audio into consecutive windows of both views, (n, bands, T) each.

    Raises
    ------
    ValueError
        The audio is shorter than a window.
    """
    frames = FrontEnd(spec).push(audio)
    count = len(frames.mel) // spec.window_frames
    if not count:
        raise ValueError(f"the audio is shorter than a window of {spec.window_seconds:.1f} s")
    mel, cochleagram = (
        torch.from_numpy(view[: count * spec.window_frames])
        .view(count, spec.window_frames, -1)
        .transpose(1, 2)
        for view in (frames.mel, frames.cochleagram)
    )
    return mel, cochleagram


@torch.inference_mode()
def attention_table(network: DAMER, views: tuple[Tensor, Tensor], spec: FrontEndSpec) -> str:
    """Format the attention statistics of windows, (n, bands, T), as a Markdown table."""
    frames = network.size.token_frames
    seconds = frames * spec.hop / spec.sample_rate
    maps = network.attention_maps(*views)
    count = maps[0][0].shape[-1]
    mel, cochleagram = (_token_levels(view, frames)[:, -count:] for view in views)
    rows = []
    for number, pair in enumerate(maps, start=1):
        for direction, weights, level in zip(DIRECTIONS, pair, (cochleagram, mel), strict=True):
            one = attention_stats(weights, level, seconds)
            shares = f"{one.entropy:.2f}", f"{one.shared:.2f}"
            correlations = f"{one.level_r:+.2f}", f"{one.onset_r:+.2f}"
            distance = f"{one.distance:.2f} ({one.uniform_distance:.2f})"
            rows.append([str(number), direction, *shares, distance, *correlations])
    return markdown_table(_TABLE_HEAD, rows)


def _token_levels(view: Tensor, token_frames: int) -> Tensor:
    """Mean level of the tokens of a view, (n, bands, T) -> (n, N), padded as in the network."""
    level = view.mean(dim=1)
    padded = functional.pad(level, (-level.shape[1] % token_frames, 0), mode="replicate")
    return padded.view(len(padded), -1, token_frames).mean(dim=2)
