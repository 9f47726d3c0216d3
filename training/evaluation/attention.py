"""What the two views ask of each other, in numbers: of the attention maps of many windows."""

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
from training.evaluation.tables import markdown_table
from training.fitting.loop import read_checkpoint
from training.fitting.recipe import FitRecipe

DIRECTIONS = ("Mel asks cochleagram", "cochleagram asks Mel")


class Attending(NamedTuple):
    """How one direction of a layer attends.

    Attributes
    ----------
    evenness
        Entropy of the attention, as a share of that of even attention: 1 asks all alike, 0 one.
    common
        Share of the attention that all asking tokens give alike, each moment counting as the one
        who gives it least: 1 where it does not matter who asks.
    distance
        Mean distance in seconds between asking and asked token.
    evenly
        What the distance would be if all were asked alike.
    loud, onset
        Correlation, inside a window, of how much a token is asked with its level and with the rise
        of the level since the token before.
    """

    evenness: float
    common: float
    distance: float
    evenly: float
    loud: float
    onset: float


def attending(weights: Tensor, level: Tensor, token_seconds: float) -> Attending:
    """Measure attention.

    Parameters
    ----------
    weights
        Of asking tokens to asked ones, (B, heads, N, N), N at least 2.
    level
        Of the asked tokens, (B, N).
    token_seconds
        Length of a token.
    """
    count = weights.shape[-1]
    entropy = -torch.special.xlogy(weights, weights).sum(dim=-1)
    asked = weights.mean(dim=(1, 2))
    rise = level.diff(dim=1, prepend=level[:, :1])
    places = torch.arange(count)
    distance = (places[None] - places[:, None]).abs() * token_seconds
    return Attending(
        evenness=float(entropy.mean()) / float(np.log(count)),
        common=float(weights.amin(dim=2).sum(dim=-1).mean()),
        distance=float((weights * distance).sum(dim=-1).mean()),
        evenly=float(distance.mean()),
        loud=_correlation(asked, level),
        onset=_correlation(asked, rise),
    )


def _correlation(one: Tensor, other: Tensor) -> float:
    """Mean over rows of the Pearson correlation of two (B, N); rows that are constant have none."""
    centred = [values - values.mean(dim=1, keepdim=True) for values in (one, other)]
    above = (centred[0] * centred[1]).sum(dim=1)
    below = centred[0].norm(dim=1) * centred[1].norm(dim=1)
    return float(torch.where(below > 1e-9, above / below, torch.nan).nanmean())


def open_fitted(path: Path) -> tuple[DAMER, FrontEndSpec]:
    """Open what `fit` wrote, and what it hears.

    Raises
    ------
    ValueError
        It is missing, damaged or something else, or its views do not ask each other or are such as
        no sound gives.
    """
    content = read_checkpoint(path)
    try:
        recipe = FitRecipe(**content["recipe"])
        network = DAMER(recipe.network)
        network.load_state_dict(content["weights"])
    except (KeyError, ValidationError, RuntimeError):
        raise ValueError(f"{path} was not written by `fit`") from None
    if recipe.origin != "internal":
        raise ValueError(f"{path} was fitted to ready views, which no sound gives")
    if recipe.network.fusion != "dsaf" or recipe.network.views != "both":
        raise ValueError(f"in {path} the views do not ask each other")
    return network.eval(), recipe.front_end


def windows_of(sound: NDArray[np.float32], spec: FrontEndSpec) -> tuple[Tensor, Tensor]:
    """Cut sound into whole windows of both views, (n, bands, T), one after the other.

    Raises
    ------
    ValueError
        The sound is shorter than a window.
    """
    frames = FrontEnd(spec).push(sound)
    count = len(frames.mel) // spec.window_frames
    if not count:
        raise ValueError(f"the sound is shorter than a window of {spec.window_seconds:.1f} s")
    mel, cochleagram = (
        torch.from_numpy(view[: count * spec.window_frames])
        .view(count, spec.window_frames, -1)
        .transpose(1, 2)
        for view in (frames.mel, frames.cochleagram)
    )
    return mel, cochleagram


@torch.inference_mode()
def attention_table(network: DAMER, views: tuple[Tensor, Tensor], spec: FrontEndSpec) -> str:
    """Write how each layer attends in windows (n, bands, T) as a table in Markdown."""
    frames = network.size.token_frames
    seconds = frames * spec.hop / spec.sample_rate
    mel, cochleagram = (_levels(view, frames) for view in views)
    rows = []
    for number, pair in enumerate(network.attention_maps(*views), start=1):
        for direction, weights, level in zip(DIRECTIONS, pair, (cochleagram, mel), strict=True):
            one = attending(weights, level, seconds)
            shares = f"{one.evenness:.2f}", f"{one.common:.2f}"
            sounds = f"{one.loud:+.2f}", f"{one.onset:+.2f}"
            far = f"{one.distance:.2f} ({one.evenly:.2f})"
            rows.append([str(number), direction, *shares, far, *sounds])
    head = "layer, direction, evenness, whoever asks, distance in s (if even), loud, onset"
    return markdown_table(head.split(", "), rows)


def _levels(view: Tensor, token_frames: int) -> Tensor:
    """Mean level (n, N) of the tokens of a view (n, bands, T), padded on the left as they are."""
    level = view.mean(dim=1)
    padded = functional.pad(level, (-level.shape[1] % token_frames, 0), mode="replicate")
    return padded.view(len(padded), -1, token_frames).mean(dim=2)
