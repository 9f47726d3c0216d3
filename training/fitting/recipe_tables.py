"""Tables of a recipe: augmentation and the optional components of a fit."""

from dataclasses import fields
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from damer.nn.pcl import PCLSettings
from damer.nn.saml import Across
from training.sound.affect_heads import PUBLISHED_WEIGHT

STRICT = ConfigDict(frozen=True, extra="forbid")

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Part = Annotated[float, Field(gt=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Weight = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]


def forbid_unknown_keys(kind: type[Any]) -> BeforeValidator:
    """Return a validator that refuses unknown fields of a dataclass by name."""

    def check(values: Any) -> Any:
        if isinstance(values, dict):
            unknown = values.keys() - {entry.name for entry in fields(kind)}
            if unknown:
                raise ValueError(f"unknown key {min(unknown)!r}")
        return values

    return BeforeValidator(check)


class Augmentation(BaseModel):
    """Random changes of windows in training.

    Attributes
    ----------
    gain_db, equaliser_db
        Largest random gain, and largest random gain of an equaliser band. Default: 3.
    noise
        Share of windows with stationary coloured noise, 0 to 40 dB below the music. Default: 0.
    people
        Share of windows with babble of one voice, a table or a crowd, 0 to 25 dB below the music.
        Default: 0.
    room
        Share of windows with reverberation of 0.3 to 3 s. Default: 0.
    codec
        Share of windows low-passed as by a lossy codec, from 5 kHz. Default: 0.
    mask_frames, mask_bands
        Most frames and most bands that SpecAugment masks. Default: 20 and 12.
    """

    model_config = STRICT

    gain_db: Weight = 3.0
    equaliser_db: Weight = 3.0
    noise: Share = 0.0
    people: Share = 0.0
    room: Share = 0.0
    codec: Share = 0.0
    mask_frames: Annotated[int, Field(ge=0)] = 20
    mask_bands: Annotated[int, Field(ge=0)] = 12


class PCL(BaseModel):
    """Progressive Confidence Labelling: pseudo labels for unlabelled windows.

    Attributes
    ----------
    pool
        Data sets used without labels; of evaluated ones, never the test side.
    batch
        Unlabelled windows in a step. Default: 32.
    weight
        Weight of their loss after the ramp. Default: 1.
    decay
        Decay of the labelling copy, a moving average of the network. Default: 0.99.
    settings
        The curriculum.
    """

    model_config = STRICT

    pool: list[str]
    batch: Count = 32
    weight: Weight = 1.0
    decay: Share = 0.99
    settings: Annotated[PCLSettings, forbid_unknown_keys(PCLSettings)] = PCLSettings()


class SAML(BaseModel):
    """Style Anchored Memory Learning: contrastive loss against a memory of embeddings.

    Attributes
    ----------
    size
        Windows in the memory. Default: 1024.
    weight
        Weight of the loss. Default: 0.1.
    decay
        Decay of the momentum encoder, a moving average of the network. Default: 0.99.
    temperature, bandwidth, anchor_decay, across
        See `damer.nn.saml`.
    """

    model_config = STRICT

    size: Count = 1024
    weight: Weight = 0.1
    decay: Share = 0.99
    temperature: Positive = 0.2
    bandwidth: Positive = 0.25
    anchor_decay: Share = 0.99
    across: Across = "tracks"


class TeacherLabels(BaseModel):
    """Labels for unlabelled music by a regressor on MusiCNN's embedding and published networks.

    They were trained on far more music than the labelled data sets have. See
    `training.fitting.regressor` and `training.sound.published`.

    Attributes
    ----------
    pool
        Data sets that are labelled so, at least one; none that has labels in the recipe.
    share
        Their share of a batch, relative to those of the data sets. Default: 0.2.
    weight
        Weight of their loss at the first step; it changes linearly. Default: 1.
    last_weight
        Weight at the last step. Default: 0.
    published_weight
        Weight of published networks beside a support vector regressor that is fitted to the
        training side of the split. Default: 0.3.
    """

    model_config = STRICT

    pool: Annotated[list[str], Field(min_length=1)]
    share: Part = 0.2
    weight: Weight = 1.0
    last_weight: Weight = 0.0
    published_weight: Share = PUBLISHED_WEIGHT
