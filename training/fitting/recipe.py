"""A recipe: every number of a fit in one small file that can be compared line by line."""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from damer.nn import NetworkSize
from damer.views import FrontEndSpec

Kind = TypeVar("Kind", NetworkSize, "Recipe")
RECIPES = Path(__file__).parents[1] / "recipes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Numbers of a fit.

    Attributes
    ----------
    name
        The recipe's file name without ".toml".
    window_frames
        Frames of a window.
    datasets
        Share in a batch of each data set that is fitted to and judged by.
    auxiliary
        Share in a batch of each data set that is only fitted to.
    sound_fonts
        Files with which MIDI is rendered.
    steps, batch
        Optimiser steps, windows in each.
    learning_rate, weight_decay, warmup
        AdamW's peak rate, its decay, and the steps until the peak; a cosine follows.
    averaging
        Decay of the moving average of the weights, which is what is evaluated.
    check_every
        Steps between looks at validation.
    error_loss
        Weight of the squared error beside the concordance.
    view_loss
        Weight of the two view heads beside the fused head.
    deviation_loss
        Weight of the likelihood that fits the standard deviations.
    gain_db, equaliser_db
        Greatest random gain and random equaliser ripple.
    mask_frames, mask_bands
        Longest stretch of frames, and widest of bands, that SpecAugment masks.
    cold_start
        Share of windows that end within their first T frames, as after a start.
    network
        Size of the network.
    """

    name: str
    window_frames: int
    datasets: dict[str, float]
    sound_fonts: list[str]
    auxiliary: dict[str, float] = field(default_factory=dict)
    steps: int = 700
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.2
    warmup: int = 50
    averaging: float = 0.98
    check_every: int = 100
    error_loss: float = 0.1
    view_loss: float = 0.3
    deviation_loss: float = 0.2
    gain_db: float = 3.0
    equaliser_db: float = 3.0
    mask_frames: int = 20
    mask_bands: int = 12
    cold_start: float = 0.1
    network: NetworkSize = field(default_factory=NetworkSize)

    @property
    def shares(self) -> dict[str, float]:
        """Share in a batch of every data set that is fitted to."""
        return self.datasets | self.auxiliary

    @property
    def front_end(self) -> FrontEndSpec:
        """What the network hears."""
        return FrontEndSpec(window_frames=self.window_frames)


def load_recipe(name: str) -> Recipe:
    """Read `recipes/<name>.toml`.

    Raises
    ------
    ValueError
        The recipe does not exist, or a key is unknown or missing.
    """
    path = RECIPES / f"{name}.toml"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.toml")))
        raise ValueError(f"no recipe {name!r}; there are {known}")
    values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    network = _build(NetworkSize, values.pop("network", {}), path.name)
    return _build(Recipe, values | {"name": name, "network": network}, path.name)


def _build(kind: type[Kind], values: dict[str, Any], where: str) -> Kind:
    unknown = values.keys() - {entry.name for entry in fields(kind)}
    if unknown:
        raise ValueError(f"{where}: unknown key {min(unknown)!r}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None
