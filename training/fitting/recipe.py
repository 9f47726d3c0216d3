"""A recipe: every number of a fit in one small file that can be compared line by line."""

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from damer.nn import NetworkSize
from damer.nn.pcl import PCLSettings
from damer.nn.saml import Across
from damer.views import FrontEndSpec
from training.sound.render import Rendering

RECIPES = Path(__file__).parents[1] / "recipes"
_Strict = ConfigDict(frozen=True, extra="forbid")

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Part = Annotated[float, Field(gt=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Weight = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]


def _known(kind: type[Any]) -> BeforeValidator:
    """Refuse by name what is no field of a dataclass."""

    def check(values: Any) -> Any:
        if isinstance(values, dict):
            unknown = values.keys() - {entry.name for entry in fields(kind)}
            if unknown:
                raise ValueError(f"unknown key {min(unknown)!r}")
        return values

    return BeforeValidator(check)


def _rename_stored_keys(values: Any) -> Any:
    return NetworkSize.rename_stored_keys(values) if isinstance(values, dict) else values


class Augmentation(BaseModel):
    """What may happen to a window in training.

    Attributes
    ----------
    gain_db, equaliser_db
        Greatest random gain and random equaliser ripple.
    noise
        Share of windows with steady coloured noise, 0 to 40 dB below the music.
    people
        Share of windows with a person, a table or a crowd talking, 0 to 25 dB below the music.
    room
        Share of windows in a reverberant room, 0.3 to 3 s.
    codec
        Share of windows low-passed as by a lossy codec, from 5 kHz.
    mask_frames, mask_bands
        Longest stretch of frames, and widest of bands, that SpecAugment masks.
    """

    model_config = _Strict

    gain_db: Weight = 3.0
    equaliser_db: Weight = 3.0
    noise: Share = 0.0
    people: Share = 0.0
    room: Share = 0.0
    codec: Share = 0.0
    mask_frames: Annotated[int, Field(ge=0)] = 20
    mask_bands: Annotated[int, Field(ge=0)] = 12


class Recipe(BaseModel):
    """What every kind of training has.

    Attributes
    ----------
    name
        The recipe's file name without ".toml".
    window_frames
        Frames of a window.
    origin
        "external" for data sets of ready views, which no running front end can produce.
    pretrained
        Name of the distillation whose weights the network begins with; none: from scratch.
    renderings
        How MIDI is rendered.
    variations
        More renderings, for training only.
    steps, batch
        Optimiser steps, windows in each.
    learning_rate, weight_decay, warmup
        AdamW's peak rate, its decay, and the steps until the peak; a cosine follows.
    averaging
        Decay of the moving average of the weights, which is what is evaluated.
    check_every
        Steps between looks at validation, and between checkpoints.
    patience
        Looks without a better score after which training ends early; 0 for never.
    precision
        Lightning Fabric's: "bf16-mixed" pays on a GPU, not on a CPU.
    augmentation
        What may happen to a window.
    network
        Size of the network.
    """

    model_config = _Strict

    name: str
    window_frames: Count
    origin: Literal["internal", "external"] = "internal"
    pretrained: str | None = None
    renderings: list[Rendering] = []
    variations: list[Rendering] = []
    steps: Count = 700
    batch: Count = 64
    learning_rate: Positive = 2e-3
    weight_decay: Weight = 0.2
    warmup: Annotated[int, Field(ge=0)] = 50
    averaging: Share = 0.98
    check_every: Count = 100
    patience: Annotated[int, Field(ge=0)] = 0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    augmentation: Augmentation = Augmentation()
    network: Annotated[
        NetworkSize,
        _known(NetworkSize),
        BeforeValidator(_rename_stored_keys),
        PlainSerializer(NetworkSize.to_stored),
    ] = NetworkSize()

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        what = self.augmentation
        changes = what.gain_db, what.equaliser_db, what.noise, what.people, what.room, what.codec
        if self.origin == "external" and any(changes):
            raise ValueError("augmentation of ready views, whose scaling is unknown: only masks")
        return self

    @property
    def front_end(self) -> FrontEndSpec:
        """What the network hears."""
        return FrontEndSpec(window_frames=self.window_frames, origin=self.origin)


class PCL(BaseModel):
    """Pseudo labels beside the labels.

    Attributes
    ----------
    pool
        Data sets whose music is used without labels; of those that are judged, never the test side.
    batch
        Windows of the pool in a step.
    weight
        Weight of their loss when the ramp is done.
    decay
        Of the weights that label, a moving average of those that learn.
    settings
        The curriculum.
    """

    model_config = _Strict

    pool: list[str]
    batch: Count = 32
    weight: Weight = 1.0
    decay: Share = 0.99
    settings: Annotated[PCLSettings, _known(PCLSettings)] = PCLSettings()


class SAML(BaseModel):
    """Contrast with a memory.

    Attributes
    ----------
    size
        Windows that are remembered.
    weight
        Weight of the contrast.
    decay
        Of the momentum encoder, a moving average of the network.
    temperature, bandwidth, anchor_decay, across
        See `damer.nn.saml`.
    """

    model_config = _Strict

    size: Count = 1024
    weight: Weight = 0.1
    decay: Share = 0.99
    temperature: Positive = 0.2
    bandwidth: Positive = 0.25
    anchor_decay: Share = 0.99
    across: Across = "tracks"


class FitRecipe(Recipe):
    """Fitting to labels.

    Attributes
    ----------
    datasets
        Share in a batch of each data set that is fitted to and judged by.
    auxiliary
        Share in a batch of each data set that is fitted to but not chosen by.
    error_loss
        Weight of the squared error beside the concordance.
    view_loss
        Weight of the two view heads beside the fused head.
    fits
        Fits whose weights are averaged; they need a student to begin with alike.
    pcl, saml
        Pseudo labels and contrastive memory; left out: without.
    cold_start
        Share of windows that end within their first T frames, as after a start.
    """

    datasets: dict[str, Part]
    auxiliary: dict[str, Part] = {}
    error_loss: Weight = 0.1
    view_loss: Weight = 0.3
    fits: Count = 1
    cold_start: Share = 0.1
    pcl: PCL | None = None
    saml: SAML | None = None

    @model_validator(mode="after")
    def _alike(self) -> Self:
        if self.fits > 1 and self.pretrained is None:
            raise ValueError("several fits are averaged, but without a student none begin alike")
        return self

    @property
    def music(self) -> list[str]:
        """Every data set that is heard, with labels or without."""
        return list(dict.fromkeys([*self.shares, *(self.pcl.pool if self.pcl else ())]))

    @property
    def shares(self) -> dict[str, float]:
        """Share in a batch of every data set that is fitted to."""
        return self.datasets | self.auxiliary


class DistillRecipe(Recipe):
    """Learning MusiCNN's embedding.

    Attributes
    ----------
    pool
        Data sets whose sound is heard; no label is used.
    view_loss
        Weight of the two view heads beside the fused head.
    validation_share
        Share of the pieces, by group, that are held out to watch.
    """

    pool: list[str]
    view_loss: Weight = 0.3
    validation_share: Share = 0.05


Kind = TypeVar("Kind", bound=Recipe)


def load_recipe(kind: type[Kind], name: str) -> Kind:
    """Read `recipes/<name>.toml`, or the file itself where `name` is a path to one.

    Raises
    ------
    ValueError
        The recipe does not exist, or a key is unknown, missing or has a wrong value.
    """
    path, values = _read(name)
    return _checked(kind, values, path.name)


def load_any_recipe(name: str) -> FitRecipe | DistillRecipe:
    """Read a recipe of either kind, as `load_recipe`: what has `datasets` is fitted to labels."""
    path, values = _read(name)
    if "datasets" in values:
        return _checked(FitRecipe, values, path.name)
    return _checked(DistillRecipe, values, path.name)


def _read(name: str) -> tuple[Path, dict[str, Any]]:
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.toml")))
        raise ValueError(f"no recipe {name!r}; there are {known}")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name}: {error}") from None
    return path, {**values, "name": path.stem}


def changed(recipe: Kind, changes: str) -> Kind:
    """Give a recipe with some numbers changed, for example "network.layers=2 pcl=none".

    Changes are parted by spaces; values are TOML's, and `none` leaves a table out.

    Raises
    ------
    ValueError
        As for `load_recipe`.
    """
    values: dict[str, Any] = recipe.model_dump()
    for change in changes.split():
        key, _, text = change.partition("=")
        *tables, last = key.split(".")
        place = values
        for table in tables:
            match place.get(table):
                case dict(inner):
                    place = inner
                case _:
                    raise ValueError(f"{change}: {recipe.name} has no table {table}")
        try:
            place[last] = None if text == "none" else tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            raise ValueError(f"{change}: {text!r} is no value of TOML") from None
    return _checked(type(recipe), values, changes)


def _checked(kind: type[Kind], values: dict[str, Any], source: str) -> Kind:
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{source}: {where}: {first['msg']}") from None
